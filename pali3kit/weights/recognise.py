"""Which layout a file has, by the names of its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from pali3kit.errors import WeightsError
from pali3kit.models.text_tower import TextTower
from pali3kit.vision.vit import ViT
from pali3kit.weights.layout import Layout, prefix_of
from pali3kit.weights.layouts.big_vision import AUGREG, BIG_VISION
from pali3kit.weights.layouts.hf import HF
from pali3kit.weights.layouts.timm import TIMM
from pali3kit.weights.links import WeightLink


def _own(tower: ViT | TextTower, prefix: str) -> list[WeightLink]:
    return [WeightLink.same(name, prefix + name) for name in tower.state_dict()]


OWN = Layout(
    "pali3kit", "embed.weight", _own, image="vision.", text_prefix="text.", text=_own, scalars=("log_scale", "bias")
)
LAYOUTS = {layout.name: layout for layout in (AUGREG, BIG_VISION, TIMM, HF, OWN)}
"""In the order in which signatures are tried: a file of augreg also has the signature of big_vision."""


def recognise(tensors: Mapping[str, Tensor], file: Path) -> tuple[Layout, str]:
    """The layout of the names, and the prefix of the image tower. Raises WeightsError for an unknown one."""
    for layout in LAYOUTS.values():
        prefix = prefix_of(tensors, layout.signature)
        if prefix is not None:
            return layout, prefix
    some = ", ".join(sorted(tensors)[:4])
    raise WeightsError(f"{file} holds no ViT in a known layout ({', '.join(LAYOUTS)}); its first tensors are {some}")
