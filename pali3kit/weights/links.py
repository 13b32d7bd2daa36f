"""How our tensors correspond to those of another library, described once for import and export.

Shape letters: D width, H heads, d width of a head, p side of a patch, N positions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from pali3kit.errors import WeightsError

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class WeightLink:
    """One or more of our tensors, the one tensor of theirs that holds them, and how to convert in either direction."""

    # Each constructor below describes the conversion as "ours as theirs".

    ours: tuple[str, ...]
    theirs: str
    read: Callable[[Tensor], Sequence[Tensor]]
    write: Callable[[Sequence[Tensor]], Tensor]

    @staticmethod
    def same(ours: str, theirs: str) -> WeightLink:
        """The same tensor under another name."""
        return WeightLink((ours,), theirs, lambda x: [x], lambda parts: parts[0])

    @staticmethod
    def layer(ours: str, theirs: str) -> list[WeightLink]:
        """`same` for the weight and the bias of a layer."""
        return [WeightLink.same(f"{ours}.{ending}", f"{theirs}.{ending}") for ending in ("weight", "bias")]

    @staticmethod
    def fused(ours: Sequence[str], theirs: str) -> WeightLink:
        """Several linear layers as one, their rows stacked, as in torch's `in_proj_weight` of query, key and value."""
        return WeightLink(tuple(ours), theirs, lambda x: x.chunk(len(ours)), lambda parts: torch.cat(list(parts)))

    @staticmethod
    def fused_layers(ours: Sequence[str], theirs: str, separator: str = ".") -> list[WeightLink]:
        """`fused` for the weights and for the biases of several layers."""
        return [
            WeightLink.fused([f"{one}.{ending}" for one in ours], f"{theirs}{separator}{ending}")
            for ending in ("weight", "bias")
        ]

    @staticmethod
    def transposed(ours: str, theirs: str) -> WeightLink:
        """A linear layer's `[out, in]` as flax's `[in, out]`."""
        return WeightLink((ours,), theirs, lambda x: [x.T], lambda parts: parts[0].T)

    @staticmethod
    def convolution(ours: str, theirs: str) -> WeightLink:
        """`[out, in, p, p]` as flax's `[p, p, in, out]`."""
        return WeightLink(
            (ours,), theirs, lambda x: [x.permute(3, 2, 0, 1)], lambda parts: parts[0].permute(2, 3, 1, 0)
        )

    @staticmethod
    def into_heads(ours: str, theirs: str, heads: int) -> WeightLink:
        """`[H*d, D]` as flax's `[D, H, d]`."""
        return WeightLink(
            (ours,), theirs, lambda x: [x.flatten(1).T], lambda parts: parts[0].T.unflatten(1, (heads, -1))
        )

    @staticmethod
    def out_of_heads(ours: str, theirs: str, heads: int) -> WeightLink:
        """`[D, H*d]` as flax's `[H, d, D]`."""
        return WeightLink(
            (ours,), theirs, lambda x: [x.flatten(0, 1).T], lambda parts: parts[0].T.unflatten(0, (heads, -1))
        )

    @staticmethod
    def heads_bias(ours: str, theirs: str, heads: int) -> WeightLink:
        """`[H*d]` as flax's `[H, d]`."""
        return WeightLink((ours,), theirs, lambda x: [x.flatten()], lambda parts: parts[0].unflatten(0, (heads, -1)))

    @staticmethod
    def batched(ours: str, theirs: str) -> WeightLink:
        """`[1, ...]` as `[...]`, without the leading dimension."""
        return WeightLink((ours,), theirs, lambda x: [x[None]], lambda parts: parts[0][0])

    @staticmethod
    def scalar(ours: str, theirs: str) -> WeightLink:
        """A scalar `[]` as `[1]`; `[]` is read too."""
        return WeightLink((ours,), theirs, lambda x: [x.reshape(())], lambda parts: parts[0].reshape(1))


def to_ours(links: Iterable[WeightLink], theirs: Tensors, file: Path) -> dict[str, Tensor]:
    """Our tensors in float32, of all links whose tensor is in `theirs`.

    Raises WeightsError for a tensor of another shape, and for integers: quantised weights lack their scale.
    """
    return {
        name: part
        for link in links
        if link.theirs in theirs
        for name, part in _convert_to_ours(link, theirs[link.theirs], file).items()
    }


def _convert_to_ours(link: WeightLink, tensor: Tensor, file: Path) -> dict[str, Tensor]:
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise WeightsError(f"{file}: {link.theirs} is {kind}, but weights must be float32, float16 or bfloat16")
    try:
        return {name: part.float() for name, part in zip(link.ours, link.read(tensor), strict=True)}
    except (RuntimeError, ValueError, IndexError) as error:
        shape = list(tensor.shape)
        raise WeightsError(f"{file}: {link.theirs} has shape {shape}, which does not fit {link.ours[0]}") from error


def to_theirs(links: Iterable[WeightLink], ours: Tensors) -> dict[str, Tensor]:
    """The other library's tensors of all links."""
    return {link.theirs: link.write([ours[name] for name in link.ours]).contiguous() for link in links}
