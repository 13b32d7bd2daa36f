"""Which layout a file has, and what it calls the parts of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from pali3kit.errors import WeightsError
from pali3kit.models.text_tower import TextTower
from pali3kit.vision.contract import VisionEncoder
from pali3kit.vision.vit import ViT
from pali3kit.weights.layouts import big_vision, hf, open_clip, timm
from pali3kit.weights.links import Link, same, scalar

VisionLinks = Callable[[ViT, str], list[Link]]
TextLinks = Callable[[TextTower, str], list[Link]]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a program names a ViT, and a text tower beside it.

    `mark` ends a name that only this layout uses; what precedes it is the prefix of the image tower, which ends in
    `image` where there are two towers, and in nothing where the file holds a ViT alone.
    """

    name: str
    mark: str
    vision: VisionLinks
    class_token: str = ""
    image: str = ""
    text_prefix: str = ""
    text: TextLinks | None = None
    scalars: tuple[str, str] = ("logit_scale", "logit_bias")  # log-temperature and bias

    def base(self, prefix: str) -> str:
        """What precedes both towers."""
        return prefix.removesuffix(self.image)

    def elsewhere(self, prefix: str) -> tuple[str, ...]:
        """Patterns of names that belong to no image tower: the text tower, the scalars, an optimizer's state."""
        base = self.base(prefix)
        text = (f"{base}{self.text_prefix}*",) if self.text_prefix else ()
        return (*text, *(base + name for name in self.scalars), "opt/*")

    def towers(self, vit: ViT, text: TextTower, prefix: str) -> list[Link]:
        """Links of a `TwoTowers`' names. Raises WeightsError where the layout has but one tower."""
        if self.text is None:
            raise WeightsError(f"a file in the layout of {self.name} holds no text tower")
        base = self.base(prefix)
        vision = [under("vision", link) for link in self.vision(vit, prefix)]
        texts = [under("text", link) for link in self.text(text, base + self.text_prefix)]
        names = zip(("log_scale", "bias"), self.scalars, strict=True)
        return vision + texts + [scalar(ours, base + theirs) for ours, theirs in names]


def demand_vit(encoder: VisionEncoder) -> ViT:
    """`encoder`, if it is our ViT, whose tensors layouts know. Raises WeightsError for any other."""
    if not isinstance(encoder, ViT):
        raise WeightsError(f"a {type(encoder).__name__} is no vit: layouts of weights are known of vit alone")
    return encoder


def under(part: str, link: Link) -> Link:
    """The link of a part of a larger model."""
    return Link(tuple(f"{part}.{name}" for name in link.ours), link.theirs, link.read, link.write)


def recognise(tensors: Mapping[str, Tensor], file: Path) -> tuple[Layout, str]:
    """The layout of the names, and the prefix of the image tower. Raises WeightsError when it is none of ours."""
    for layout in LAYOUTS:
        prefix = prefix_of(tensors, layout.mark)
        if prefix is not None:
            return layout, prefix
    some = ", ".join(sorted(tensors)[:4])
    known = ", ".join(layout.name for layout in LAYOUTS)
    raise WeightsError(f"{file} holds no ViT in a known layout ({known}); its first tensors are {some}")


def prefix_of(tensors: Iterable[str], mark: str) -> str | None:
    """What precedes `mark` in the first name that ends in it, None where there is none: whole parts of a name."""
    prefixes = (name.removesuffix(mark) for name in tensors if name.endswith(mark))
    return next((prefix for prefix in prefixes if not prefix or prefix.endswith((".", "/"))), None)


def behind_prefix(tensors: Mapping[str, Tensor], mark: str, file: Path, what: str) -> dict[str, Tensor]:
    """Tensors by their names without what precedes `mark`. Raises WeightsError where there is none of that name."""
    prefix = prefix_of(tensors, mark)
    if prefix is None:
        some = ", ".join(sorted(tensors)[:4])
        raise WeightsError(f"{file} holds {what}: it has {some}, but no {mark}")
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}


def by_name(name: str) -> Layout:
    """The layout called `name`."""
    return next(layout for layout in LAYOUTS if layout.name == name)


def _head(vit: ViT) -> str:
    return "map" if hasattr(vit.head, "probe") else ""


def _timm(vit: ViT, prefix: str) -> list[Link]:
    return timm.vit_links(vit.shape.depth, _head(vit), vit.class_token is not None, prefix)


def _hf(vit: ViT, prefix: str) -> list[Link]:
    return hf.vit_links(vit.shape.depth, _head(vit), prefix)


def _big_vision(vit: ViT, prefix: str, era: str = "big_vision") -> list[Link]:
    token = vit.class_token is not None
    return big_vision.vit_links(vit.shape.depth, vit.shape.heads, _head(vit), token, prefix, era)


def _augreg(vit: ViT, prefix: str) -> list[Link]:
    return _big_vision(vit, prefix, "augreg")


def _own(tower: ViT | TextTower, prefix: str) -> list[Link]:
    return [same(name, prefix + name) for name in tower.state_dict()]


LAYOUTS = (
    Layout("augreg", "Transformer/posembed_input/pos_embedding", _augreg, class_token="cls"),
    Layout(
        "big_vision", "embedding/kernel", _big_vision, class_token="cls",
        image="img/", text_prefix="txt/", scalars=("t", "b"),
        text=lambda text, prefix: big_vision.text_links(text.depth, text.heads, prefix),
    ),
    Layout(
        "timm", "patch_embed.proj.weight", _timm, class_token="cls_token",
        image=open_clip.TRUNK, text_prefix="text.",
        text=lambda text, prefix: open_clip.text_links(text.depth, prefix),
    ),
    Layout(
        "hf", "embeddings.patch_embedding.weight", _hf,
        image="vision_model.", text_prefix="text_model.",
        text=lambda text, prefix: hf.text_links(text.depth, prefix),
    ),
    Layout(
        "pali3kit", "embed.weight", _own,
        image="vision.", text_prefix="text.", text=_own, scalars=("log_scale", "bias"),
    ),
)  # fmt: skip
"""In the order in which they are recognised: the first whose mark ends a name."""
