"""Encoders of timm: `timm/<name>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

import timm
import torch
from timm.data.config import resolve_model_data_config
from timm.layers.pos_embed import resample_abs_pos_embed
from torch import Tensor, nn

from pali3kit.errors import ConfigError, RegistryError, WeightsError, first_line, nearest
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid
from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import VISION
from pali3kit.vision.contract import Adapter, without_numbers

SIZED = (("img_size", "dynamic_img_size"), ("img_size",), ())
"""Ways to say the size of pictures: to models that resample their positions at every call, that are built for one size,
and that take any.
"""


class FeatureModel(Protocol):
    """What is asked of timm's models. The last of `feature_info` says how many pixels one feature spans."""

    num_features: int
    feature_info: Sequence[Mapping[str, Any]]

    def __call__(self, images: Tensor) -> Tensor: ...

    def forward_features(self, images: Tensor) -> Tensor: ...


@VISION.register("timm/", "timm's models with a map of features: timm/vit_tiny_patch16_224")
class TimmEncoder(Adapter):
    """A timm model whose features lie on a grid: ViTs, whose class and register tokens are removed, and networks of
    convolutions, whose last map is read as tokens.

    `pooled` is timm's own, before the classifier; where the head widens the features first, as MobileNets' does, it is
    the mean of the tokens, and nothing of that head is trained. Positions at another resolution are resampled by timm's
    own rule (bicubic, antialiased).

    Args:
        name: as timm has it, with an optional tag of weights: `vit_base_patch16_224.augreg_in21k`.
        image_size: side length of the pictures, pixels.
        pretrained: fetch the weights of timm's hub; False starts from random ones, and nothing is fetched.

    Raises:
        RegistryError: timm has no such model.
        ConfigError: its features do not lie on a grid, or not for pictures of this size.
        WeightsError: `pretrained`, but there are no weights, or they cannot be had.
    """

    def __init__(self, name: str, image_size: int, pretrained: bool = False) -> None:
        model = _create(name, image_size, pretrained)
        super().__init__(model.num_features, patch_of(model), _spec(model, name, image_size), f"timm's {name}")
        self.model = model
        self.pools = getattr(model, "head_hidden_size", self.width) == self.width
        self.demand_contract(image_size)
        if not self.pools:
            self._hold_head()

    def grid(self, resolution: int) -> Grid:
        grid = super().grid(resolution)
        if resolution != self.image_spec.size and not getattr(self.model, "dynamic_img_size", False):
            self.demand_contract(resolution)
        return grid

    def fitted(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        """Positions of another `grid` resampled by timm's own rule."""
        table = tensors.get("model.pos_embed")
        if table is None or grid == self.native_grid:
            return tensors
        prefix = table.shape[1] - grid[0] * grid[1]
        resized = resample_abs_pos_embed(table, list(self.native_grid), list(grid), num_prefix_tokens=prefix)
        return {**tensors, "model.pos_embed": resized}

    def forward(self, images: Tensor) -> Tensor:
        return to_tokens(self.model, self.model.forward_features(images))

    def pooled(self, images: Tensor) -> Tensor:
        return self.model(images) if self.pools else self(images).mean(1)

    def _hold_head(self) -> None:
        """Parameters that no token depends on get no gradient, and a parameter without one stops DDP."""
        side = self.image_spec.size
        trial = without_numbers(self).eval()
        named = {name: x for name, x in trial.named_parameters() if x.requires_grad}
        with torch.enable_grad():
            tokens = trial(torch.empty(1, 3, side, side, device="meta"))
            gradients = torch.autograd.grad(tokens.sum(), list(named.values()), allow_unused=True)
        own = dict(self.named_parameters())
        for name, gradient in zip(named, gradients, strict=True):
            if gradient is None:
                own[name].requires_grad_(False)


def to_tokens(model: FeatureModel, features: Tensor) -> Tensor:
    """Timm's features, `[B,prefix+N,D]`, `[B,D,H,W]` or `[B,H,W,D]`, to `[B,N,D]`.

    Raises ValueError where there are several maps, as of models on several scales.
    """
    if not isinstance(features, Tensor):
        raise ValueError("its features are several maps")
    if features.ndim == 3:
        return features[:, _prefix(model) :]
    if getattr(model, "output_fmt", "NCHW") == "NHWC":
        return features.flatten(1, 2)
    return features.flatten(2).transpose(1, 2)


def patch_of(model: FeatureModel) -> int:
    """Pixels a token."""
    return int(model.feature_info[-1]["reduction"])


def _prefix(model: FeatureModel) -> int:
    """Tokens before those of the grid: as many as the model says, else its class token."""
    return int(getattr(model, "num_prefix_tokens", getattr(model, "cls_token", None) is not None))


def _create(name: str, image_size: int, pretrained: bool) -> FeatureModel:
    """The model without classifier; with a size of its own where it can have one."""
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise RegistryError(f"timm has no model '{architecture}'.{nearest(architecture, timm.list_models())}")
    pretrained = pretrained and loads_pretrained()
    for way in SIZED:
        sizes: dict[str, Any] = {key: image_size if key == "img_size" else True for key in way}
        try:
            model: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, **sizes)
        except Exception as error:  # a size that does not fit is told by whatever the model stumbles over
            if isinstance(error, TypeError) and any(key in str(error) for key in way):
                continue
            what = f"timm's {name} cannot be had at {image_size} pixels: {first_line(error)}"
            raise WeightsError(what) if pretrained else ConfigError([what]) from error
        return cast(FeatureModel, model)
    raise AssertionError("every model can be made without a size")


def _spec(model: FeatureModel, name: str, image_size: int) -> ImageSpec:
    data = resolve_model_data_config(model)  # type: ignore[no-untyped-call]
    if data["crop_mode"] not in ("center", "squash"):
        mode = data["crop_mode"]
        raise ConfigError([f"timm prepares the pictures of {name} by crop_mode '{mode}', which is not known here"])
    return ImageSpec(
        image_size,
        tuple(data["mean"]),
        tuple(data["std"]),
        resize="squash" if data["crop_mode"] == "squash" else "shortest",
        interpolation=data["interpolation"],
        crop=data["crop_pct"],
    )
