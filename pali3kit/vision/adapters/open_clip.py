"""Image towers of open_clip: `open_clip/<model>`."""

from __future__ import annotations

from pathlib import Path

import open_clip
import torch
from open_clip import CLIP, CustomTextCLIP
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from torch import Tensor

from pali3kit.errors import ConfigError, RegistryError, WeightsError, choose, first_line, nearest
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid
from pali3kit.nn.unread import reads_weights
from pali3kit.registry import VISION
from pali3kit.vision.contract import Adapter, square_grid


@VISION.register("open_clip/", "image tower: open_clip/ViT-B-16-SigLIP")
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
        super().__init__(width, patch, image_spec(tower, name, image_size, pretrained))
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
        tokens: Tensor
        if isinstance(self.core, VisionTransformer):
            _, tokens = self.core(images)
        else:
            tokens = self.core.forward_features(images)[:, self.prefix :]
        return tokens

    def pooled(self, images: Tensor) -> Tensor:
        vector: Tensor
        if isinstance(self.core, VisionTransformer):
            vector, _ = self.core(images)
        else:
            vector = self.core(images)
        return vector


def create(name: str, pretrained: str | None, image_size: int | None = None) -> CLIP | CustomTextCLIP:
    """The whole model, both towers, at its own image size unless another is given.

    Raises:
        RegistryError: open_clip has no such model.
        WeightsError: `pretrained` is neither a tag of this model nor a file, or cannot be fetched or loaded.
    """
    if name not in open_clip.list_models():
        raise RegistryError(f"open_clip has no model '{name}'.{nearest(name, open_clip.list_models())}")
    if pretrained and not (_tag(name, pretrained) or Path(pretrained).is_file()):
        tags = open_clip.list_pretrained_tags_by_model(name)
        raise WeightsError(
            f"open_clip has no weights '{pretrained}' of {name}, and {Path(pretrained).resolve()} is no file."
            f"{choose(pretrained, tags)}"
        )
    if not reads_weights():
        pretrained = None
    try:
        where = torch.get_default_device()  # open_clip moves it to the CPU otherwise, also what has no memory
        return open_clip.create_model(name, pretrained=pretrained, force_image_size=image_size, device=where)
    except Exception as error:  # a damaged file is told by whatever its reader stumbles over
        if not pretrained:
            raise
        raise WeightsError(
            f"the weights '{pretrained}' of open_clip's {name} cannot be loaded: {first_line(error)}"
        ) from error


def image_spec(tower: VisionTransformer | TimmModel, name: str, image_size: int, pretrained: str | None) -> ImageSpec:
    """What came with the weights of a tag. A file says nothing, and random weights want nothing: for them it is the
    preprocessing of the first weights that were published for the model.
    """
    tags = open_clip.list_pretrained_tags_by_model(name)
    override = {} if (pretrained and _tag(name, pretrained)) or not tags else _tag(name, tags[0])
    given = open_clip.get_model_preprocess_cfg(tower) | override
    return ImageSpec(
        image_size,
        tuple(given["mean"]),
        tuple(given["std"]),
        resize="squash" if given["resize_mode"] == "squash" else "shortest",
        interpolation=given["interpolation"],
    )


def _tag(name: str, pretrained: str) -> dict[str, object]:
    """What open_clip knows of published weights; nothing if `pretrained` is no tag."""
    known: dict[str, object] = open_clip.get_pretrained_cfg(name, pretrained)
    return known


def _tower(name: str, image_size: int, pretrained: str | None) -> VisionTransformer | TimmModel:
    """The image tower, if it is a ViT that gives its tokens."""
    tower = create(name, pretrained, image_size).visual
    vit = isinstance(tower, VisionTransformer) and tower.attn_pool is None
    if vit or (isinstance(tower, TimmModel) and hasattr(tower.trunk, "num_prefix_tokens")):
        return tower
    raise ConfigError([f"the image tower of open_clip's '{name}' is no ViT with tokens of its own"])
