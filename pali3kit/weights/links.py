"""The same weights under two names and in two shapes, as data that is followed in either direction.

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
class Link:
    """Some tensors of ours, and the one tensor of theirs that holds them."""

    ours: tuple[str, ...]
    theirs: str
    read: Callable[[Tensor], Sequence[Tensor]]
    write: Callable[[Sequence[Tensor]], Tensor]


def same(ours: str, theirs: str) -> Link:
    """Equal tensors."""
    return Link((ours,), theirs, lambda x: [x], lambda parts: parts[0])


def fused(ours: Sequence[str], theirs: str) -> Link:
    """Rows of several linear layers stacked, as query, key and value are in torch."""
    return Link(tuple(ours), theirs, lambda x: x.chunk(len(ours)), lambda parts: torch.cat(list(parts)))


def transposed(ours: str, theirs: str) -> Link:
    """A linear layer's `[out, in]` as flax's `[in, out]`."""
    return Link((ours,), theirs, lambda x: [x.T], lambda parts: parts[0].T)


def convolution(ours: str, theirs: str) -> Link:
    """`[out, in, p, p]` as flax's `[p, p, in, out]`."""
    return Link((ours,), theirs, lambda x: [x.permute(3, 2, 0, 1)], lambda parts: parts[0].permute(2, 3, 1, 0))


def into_heads(ours: str, theirs: str, heads: int) -> Link:
    """`[H*d, D]` as flax's `[D, H, d]`."""
    return Link((ours,), theirs, lambda x: [x.flatten(1).T], lambda parts: parts[0].T.unflatten(1, (heads, -1)))


def out_of_heads(ours: str, theirs: str, heads: int) -> Link:
    """`[D, H*d]` as flax's `[H, d, D]`."""
    return Link((ours,), theirs, lambda x: [x.flatten(0, 1).T], lambda parts: parts[0].T.unflatten(0, (heads, -1)))


def heads_bias(ours: str, theirs: str, heads: int) -> Link:
    """`[H*d]` as flax's `[H, d]`."""
    return Link((ours,), theirs, lambda x: [x.flatten()], lambda parts: parts[0].unflatten(0, (heads, -1)))


def batched(ours: str, theirs: str) -> Link:
    """`[1, ...]` without its leading one."""
    return Link((ours,), theirs, lambda x: [x[None]], lambda parts: parts[0][0])


def scalar(ours: str, theirs: str) -> Link:
    """A number, `[]`, kept as `[1]` or as `[]`."""
    return Link((ours,), theirs, lambda x: [x.reshape(())], lambda parts: parts[0].reshape(1))


def pairs(link: Callable[[str, str], Link], ours: str, theirs: str) -> list[Link]:
    """`link` for the weight and the bias of a layer."""
    return [link(f"{ours}.{ending}", f"{theirs}.{ending}") for ending in ("weight", "bias")]


def fused_pairs(ours: Sequence[str], theirs: str, separator: str = ".") -> list[Link]:
    """`fused` for the weights and the biases of some layers."""
    return [fused([f"{one}.{ending}" for one in ours], f"{theirs}{separator}{ending}") for ending in ("weight", "bias")]


def to_ours(links: Iterable[Link], theirs: Tensors, file: Path) -> dict[str, Tensor]:
    """Our tensors in float32, of all links whose tensor is there.

    Raises WeightsError for one that is no numbers of ours: whole numbers are quantised weights, whose scale is missing.
    """
    return {
        name: part
        for link in links
        if link.theirs in theirs
        for name, part in _parts(link, theirs[link.theirs], file).items()
    }


def _parts(link: Link, tensor: Tensor, file: Path) -> dict[str, Tensor]:
    if not tensor.is_floating_point():
        kind = str(tensor.dtype).removeprefix("torch.")
        raise WeightsError(f"{file}: {link.theirs} is {kind}, where weights are float32, float16 or bfloat16")
    try:
        return {name: part.float() for name, part in zip(link.ours, link.read(tensor), strict=True)}
    except (RuntimeError, ValueError, IndexError) as error:
        shape = list(tensor.shape)
        raise WeightsError(f"{file}: {link.theirs} has shape {shape}, which is none of {link.ours[0]}") from error


def to_theirs(links: Iterable[Link], ours: Tensors) -> dict[str, Tensor]:
    """Their tensors, of all links."""
    return {link.theirs: link.write([ours[name] for name in link.ours]).contiguous() for link in links}
