"""The component `vit`: our ViT with random weights, or with those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import VISION
from pali3kit.vision.heads import Head
from pali3kit.vision.vit import ViT
from pali3kit.weights.load import load_vision


@VISION.register(
    "vit",
    "plain ViT: B/16, So400m/14, G/14 and other named sizes, or any other",
    sizes="pali3kit.config.shapes:VIT_SHAPES",
)
def _create(
    image_size: int,
    size: str | None = None,
    width: int | None = None,
    depth: int | None = None,
    heads: int | None = None,
    mlp: int | None = None,
    patch: int | None = None,
    head: Head = "map",
    weights: str | None = None,
    allow: Sequence[str] = (),
) -> ViT:
    """A `ViT` whose shape is `size`, a named shape (paper.md §1.2), or the five numbers from `width` to `patch`.

    `weights` is a file or folder in any layout of `pali3kit.weights` to start from (or, with pretrain `pretrained`, to
    use as it is); `allow`: patterns of names, the file's or the model's, that may be missing or left over. The model's
    `load_report` says what was loaded. Errors are those of `ViT` and `load_vision`.
    """
    vit = ViT(image_size, size, width, depth, heads, mlp, patch, head)
    if weights is not None and loads_pretrained():
        vit.load_report = load_vision(vit, Path(weights), allow=allow)
    return vit
