"""What a layout of weights is: how one program names and shapes the tensors of a ViT, and of a text tower beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from pali3kit.errors import WeightsError
from pali3kit.models.text_tower import TextTower
from pali3kit.vision.contract import VisionEncoder
from pali3kit.vision.vit import ViT
from pali3kit.weights.links import WeightLink


@dataclass(frozen=True, slots=True)
class Layout:
    """How one program names and shapes the tensors of a ViT, and of the text tower of a SigLIP model.

    Attributes:
        name: as load reports give it.
        signature: the end of a tensor name that only this layout has. What precedes it in a file is the prefix of the
            image tower; it ends in `image` where the file holds two towers, and is empty for a ViT alone.
        vision: from a ViT and its prefix to its links.
        class_token: the class token's name behind the prefix, if the layout has one.
        image, text_prefix: what precedes the names of either tower in a file of two.
        text: from a text tower and its prefix to its links; None where the layout has no text tower.
        scalars: names of the log-temperature and the bias.
    """

    name: str
    signature: str
    vision: Callable[[ViT, str], list[WeightLink]]
    class_token: str = ""
    image: str = ""
    text_prefix: str = ""
    text: Callable[[TextTower, str], list[WeightLink]] | None = None
    scalars: tuple[str, str] = ("logit_scale", "logit_bias")

    def ignored(self, prefix: str) -> tuple[str, ...]:
        """Patterns of names outside the image tower: the text tower, the scalars, an optimizer's state."""
        base = prefix.removesuffix(self.image)
        text = (f"{base}{self.text_prefix}*",) if self.text_prefix else ()
        return (*text, *(base + name for name in self.scalars), "opt/*")

    def dual_encoder(self, vit: ViT, text: TextTower, prefix: str) -> list[WeightLink]:
        """Links of image tower, text tower and scalars of a `TwoTowers`; `prefix` is the image tower's.

        Raises WeightsError where the layout has no text tower.
        """
        if self.text is None:
            raise WeightsError(f"a file in the layout of {self.name} holds no text tower")
        base = prefix.removesuffix(self.image)
        vision = [_within("vision", link) for link in self.vision(vit, prefix)]
        texts = [_within("text", link) for link in self.text(text, base + self.text_prefix)]
        names = zip(("log_scale", "bias"), self.scalars, strict=True)
        return vision + texts + [WeightLink.scalar(ours, base + theirs) for ours, theirs in names]


def _within(part: str, link: WeightLink) -> WeightLink:
    """The link of a tensor whose module is the attribute `part` of a larger one."""
    return replace(link, ours=tuple(f"{part}.{name}" for name in link.ours))


def require_vit(encoder: VisionEncoder | None) -> ViT:
    """`encoder`, if it is our ViT. Raises WeightsError for any other: layouts are known of ours alone."""
    if not isinstance(encoder, ViT):
        raise WeightsError(f"a {type(encoder).__name__} is no vit: layouts of weights are known for vit alone")
    return encoder


def prefix_of(tensors: Iterable[str], signature: str) -> str | None:
    """What precedes `signature` in the first name that ends in it, in whole components; None where no name does."""
    prefixes = (name.removesuffix(signature) for name in tensors if name.endswith(signature))
    return next((prefix for prefix in prefixes if not prefix or prefix.endswith((".", "/"))), None)


def strip_prefix(tensors: Mapping[str, Tensor], signature: str, file: Path, model: str) -> dict[str, Tensor]:
    """Tensors by their names behind the prefix that `signature` has.

    Raises WeightsError where no name ends in `signature`, so that `file` holds no `model`.
    """
    prefix = prefix_of(tensors, signature)
    if prefix is None:
        some = ", ".join(sorted(tensors)[:4])
        raise WeightsError(f"{file} holds no {model}: it has {some}, but no {signature}")
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
