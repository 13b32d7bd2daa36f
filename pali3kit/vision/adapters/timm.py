"""Encoders of timm: `timm/<name>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import timm
from timm.data.config import resolve_model_data_config
from timm.layers.patch_embed import PatchEmbed
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor

from pali3kit.errors import ConfigError, RegistryError, nearest
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid
from pali3kit.nn.unread import reads_weights
from pali3kit.registry import VISION
from pali3kit.vision.contract import Adapter


class _FeatureModel(Protocol):
    """What is asked of timm's models; `patch_embed` of ViTs, `feature_info` of those with a map of features alone."""

    num_features: int
    patch_embed: PatchEmbed
    feature_info: Sequence[Mapping[str, Any]]

    def __call__(self, images: Tensor) -> Tensor: ...

    def forward_features(self, images: Tensor) -> Tensor: ...


@VISION.register("timm/", "any timm model with a map of features: timm/vit_tiny_patch16_224")
class TimmEncoder(Adapter):
    """Any timm model with a map of features: ViTs, whose class and register tokens are removed, and networks of
    convolutions, whose last map is read as tokens.

    Positions at another resolution are resampled by timm's own rule (bicubic, antialiased).

    Args:
        name: as timm has it, with an optional tag of weights: `vit_base_patch16_224.augreg_in21k`.
        image_size: side length of the pictures, pixels.
        pretrained: fetch the weights of timm's hub; False starts from random ones, and nothing is fetched.
    """

    def __init__(self, name: str, image_size: int, pretrained: bool = False) -> None:
        model = _create(name, image_size, pretrained)
        super().__init__(model.num_features, _patch(model), _spec(model, image_size))
        self.model = model

    def fitted(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        """Positions of another `grid` resampled by timm's own rule."""
        table = tensors.get("model.pos_embed")
        if table is None or grid == self.native_grid:
            return tensors
        prefix = table.shape[1] - grid[0] * grid[1]
        resized = resample_abs_pos_embed(table, list(self.native_grid), list(grid), num_prefix_tokens=prefix)
        return {**tensors, "model.pos_embed": resized}

    def forward(self, images: Tensor) -> Tensor:
        return self.tokens(self.model.forward_features(images))

    def pooled(self, images: Tensor) -> Tensor:
        return self.model(images)

    def tokens(self, features: Tensor) -> Tensor:
        """Timm's features, `[B,prefix+N,D]`, `[B,D,H,W]` or `[B,H,W,D]`, to `[B,N,D]`."""
        if features.ndim == 3:
            return features[:, getattr(self.model, "num_prefix_tokens", 0) :]
        if getattr(self.model, "output_fmt", "NCHW") == "NHWC":
            return features.flatten(1, 2)
        return features.flatten(2).transpose(1, 2)


def _create(name: str, image_size: int, pretrained: bool) -> _FeatureModel:
    """The model without classifier; with a size of its own where it can have one."""
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise RegistryError(f"timm has no model '{architecture}'.{nearest(architecture, timm.list_models())}")
    sizes: dict[str, Any] = {"img_size": image_size, "dynamic_img_size": True} if _takes_sizes(architecture) else {}
    return cast(
        _FeatureModel, timm.create_model(name, pretrained=pretrained and reads_weights(), num_classes=0, **sizes)
    )


def _takes_sizes(architecture: str) -> bool:
    """Whether positions can be resampled at every call: so for timm's `VisionTransformer` and its kin."""
    module = timm.models.model_entrypoint(architecture).__module__.rpartition(".")[2]
    return module in ("vision_transformer", "eva", "deit", "beit")


def _patch(model: _FeatureModel) -> int:
    """Pixels a token."""
    if hasattr(model, "num_prefix_tokens"):
        return int(model.patch_embed.patch_size[0])
    return int(model.feature_info[-1]["reduction"])


def _spec(model: _FeatureModel, image_size: int) -> ImageSpec:
    data = resolve_model_data_config(model)  # type: ignore[no-untyped-call]
    if data["crop_mode"] not in ("center", "squash"):
        raise ConfigError([f"timm prepares its pictures by crop_mode '{data['crop_mode']}', which is not known here"])
    return ImageSpec(
        image_size,
        tuple(data["mean"]),
        tuple(data["std"]),
        resize="squash" if data["crop_mode"] == "squash" else "shortest",
        interpolation=data["interpolation"],
        crop=data["crop_pct"],
    )
