"""The registry's `vit`: our ViT with random weights, or with those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pali3kit.vision.vit import ViT
from pali3kit.weights.load import load_vision


def create_vit(
    image_size: int,
    size: str | None = None,
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    mlp: int | None = None,
    patch: int | None = None,
    head: str = "map",
    weights: str | None = None,
    allow: Sequence[str] = (),
) -> ViT:
    """A `ViT` of that shape; `weights` names a file or folder in any layout to start from.

    What the loading did is kept in the model's `load_report`. Errors are those of `ViT` and of `load_vision`.
    """
    vit = ViT(image_size, size, width, depth, heads, mlp, patch, head)
    if weights is not None:
        vit.load_report = load_vision(vit, Path(weights), allow=allow)
    return vit
