"""Image towers of open_clip: `open_clip/<model>`."""

from __future__ import annotations

from typing import Any

import open_clip
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor

from pali3kit.errors import ConfigError, RegistryError, nearest
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid
from pali3kit.vision.contract import Adapter, square_grid


class OpenClipEncoder(Adapter):
    """The image tower of an open_clip model: tokens after its last norm, without the class token.

    `pooled` is the tower's output before the projection into the space that it shares with texts, so that both have
    the same width; where there is no projection, as in SigLIP, it is the embedding.

    Args:
        name: as open_clip has it, `ViT-B-16-SigLIP`.
        image_size: side length of the pictures, pixels. The tower then works at this resolution alone.
        pretrained: a tag of open_clip's weights, which are fetched, or a file of weights; None starts from random ones.
    """

    def __init__(self, name: str, image_size: int, pretrained: str | None = None) -> None:
        tower = _tower(name, image_size, pretrained)
        core = tower.trunk if isinstance(tower, TimmModel) else tower
        patch = core.patch_embed.patch_size[0] if isinstance(tower, TimmModel) else core.patch_size[0]
        width = core.num_features if isinstance(tower, TimmModel) else core.transformer.width
        super().__init__(width, patch, _spec(tower, image_size, {} if pretrained else _published(name)))
        self.core = core
        self.prefix = core.num_prefix_tokens if isinstance(tower, TimmModel) else 0
        if not isinstance(tower, TimmModel):
            core.output_tokens, core.proj = True, None

    def grid(self, resolution: int) -> Grid:
        if resolution != self.image_spec.size:
            raise ConfigError(
                [f"this open_clip tower was built for {self.image_spec.size} pixels and cannot take {resolution}"]
            )
        return square_grid(resolution, self.patch)

    def forward(self, images: Tensor) -> Tensor:
        if isinstance(self.core, VisionTransformer):
            return self.core(images)[1]  # type: ignore[no-any-return]
        return self.core.forward_features(images)[:, self.prefix :]  # type: ignore[no-any-return]

    def pooled(self, images: Tensor) -> Tensor:
        if isinstance(self.core, VisionTransformer):
            return self.core(images)[0]  # type: ignore[no-any-return]
        return self.core(images)  # type: ignore[no-any-return]


def _tower(name: str, image_size: int, pretrained: str | None) -> Any:
    """The image tower, if it is a ViT that gives its tokens."""
    if name not in open_clip.list_models():
        raise RegistryError(f"open_clip has no model '{name}'.{nearest(name, open_clip.list_models())}")
    tower = open_clip.create_model(name, pretrained=pretrained, force_image_size=image_size).visual
    vit = isinstance(tower, VisionTransformer) and tower.attn_pool is None
    if vit or (isinstance(tower, TimmModel) and hasattr(tower.trunk, "num_prefix_tokens")):
        return tower
    raise ConfigError([f"the image tower of open_clip's '{name}' is no ViT with tokens of its own"])


def _published(name: str) -> dict[str, Any]:
    """The preprocessing of the model's first published weights, which its random ones are prepared for."""
    tags = open_clip.list_pretrained_tags_by_model(name)
    return open_clip.get_pretrained_cfg(name, tags[0]) if tags else {}


def _spec(tower: Any, image_size: int, override: dict[str, Any]) -> ImageSpec:
    """What came with the weights."""
    given = open_clip.get_model_preprocess_cfg(tower) | override
    return ImageSpec(
        image_size,
        tuple(given["mean"]),
        tuple(given["std"]),
        resize="squash" if given["resize_mode"] == "squash" else "shortest",
        interpolation=given["interpolation"],
    )
