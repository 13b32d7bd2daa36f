"""Vision encoders of timm: `timm/<name>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt
from pathlib import Path
from typing import Any, Protocol, cast

import timm
from timm.data.config import resolve_model_data_config
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models import load_state_dict
from torch import Tensor, nn

from pali3kit.errors import ConfigError, RegistryError, WeightsError, first_line, nearest
from pali3kit.images.spec import ImageSpec
from pali3kit.nn.positions import Grid
from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import VISION
from pali3kit.storage.weight_files import find_weights
from pali3kit.vision.contract import Adapter, freeze_unread

SIZE_OPTIONS = (("img_size", "dynamic_img_size"), ("img_size",), ())
"""Options for the image size, tried in this order: for models that resample their positions at every call, for models
that are built for one size, and for models that take any size.
"""


class _FeatureModel(Protocol):
    """The attributes of timm's models that we use. `feature_info[-1]["reduction"]` is the stride in pixels."""

    num_features: int
    feature_info: Sequence[Mapping[str, Any]]

    def __call__(self, images: Tensor) -> Tensor: ...

    def forward_features(self, images: Tensor) -> Tensor: ...


@VISION.register("timm/", "timm's models with a feature map: timm/vit_tiny_patch16_224")
class TimmEncoder(Adapter):
    """A timm model whose features lie on a grid: a ViT without its class and register tokens, or a convolutional
    network with its last feature map as tokens.

    `pooled` is timm's own pooling, before the classifier. Where timm's head widens the features before pooling, as in
    MobileNets, `pooled` is the mean of the tokens, and the head is not trained. Positions at another resolution are
    resampled as in timm (bicubic, antialiased).

    Args:
        name: timm's name, with an optional tag of weights: `vit_base_patch16_224.augreg_in21k`.
        image_size: side of the images, pixels; None: that of the model's own weights.
        pretrained: download timm's weights; False: random weights, without a download.
        weights: a file of safetensors, or a torch file, with tensors by timm's names, such as a checkpoint of timm's
            own training, or a folder with one. Of a checkpoint that also has the moving average of its weights (EMA),
            that is read. Tensors of the classifier are not read; all others must fit.

    Raises:
        RegistryError: timm has no such model.
        ConfigError: its features do not lie on a grid, or it cannot take images of this size.
        WeightsError: with `pretrained`, if timm has no weights for it, or they cannot be downloaded; with `weights`, if
            the file cannot be read, or does not fit.
    """

    def __init__(
        self, name: str, image_size: int | None = None, pretrained: bool = False, weights: str | None = None
    ) -> None:
        _require_known(name)
        if pretrained and weights:
            raise ConfigError([f"timm's {name}: give pretrained or weights, not both"])
        size = image_size or _own_size(name)
        model = _create(name, size, pretrained)
        super().__init__(model.num_features, patch_of(model), _image_spec(model, name, size), f"timm's {name}")
        self.model = model
        self.uses_timm_pooling = getattr(model, "head_hidden_size", self.width) == self.width
        self.require_output_shapes(size)
        if weights is not None and loads_pretrained():
            self._load(weights)
        if not self.uses_timm_pooling:
            freeze_unread(self)

    def _load(self, file: str) -> None:
        """Load all tensors of a file but the classifier's; positions of another square grid are resampled."""
        network, found = cast(nn.Module, self.model), find_weights(Path(file))
        try:
            tensors = load_state_dict(str(found), use_ema=True, weights_only=True)
        except Exception as error:  # a damaged file may raise anything
            raise WeightsError(f"{found} cannot be read: {first_line(error)}") from error
        try:
            tensors = {key: tensor for key, tensor in tensors.items() if not key.startswith(_classifiers(network))}
            network.load_state_dict(self._with_own_grid(tensors, getattr(network, "pos_embed", None)))
        except Exception as error:  # what is no state dict may raise anything
            lines = str(error).splitlines()
            told = "; ".join(line.strip() for line in lines[1:4] or lines)
            raise WeightsError(f"{found} does not fit {self.name}: {told}") from error

    def _with_own_grid(self, tensors: dict[str, Tensor], own: Tensor | None) -> dict[str, Tensor]:
        """The tensors of a file with its positions [1,prefix+N,D] resampled to the grid of `own`. Raises ValueError
        where they are not those of a square grid.
        """
        given = tensors.get("pos_embed")
        if own is None or given is None or own.shape == given.shape:
            return tensors
        prefix = own.shape[1] - self.native_grid[0] * self.native_grid[1]
        count = given.shape[1] - prefix if given.ndim == 3 else 0
        if count < 1 or isqrt(count) ** 2 != count:
            raise ValueError(f"pos_embed {list(given.shape)} has no square grid after {prefix} other tokens")
        return {**tensors, "pos_embed": resample_abs_pos_embed(given, list(self.native_grid), num_prefix_tokens=prefix)}

    def grid(self, resolution: int) -> Grid:
        grid = super().grid(resolution)
        if resolution != self.image_spec.size and not getattr(self.model, "dynamic_img_size", False):
            self.require_output_shapes(resolution)
        return grid

    def resample_positions(self, tensors: dict[str, Tensor], grid: Grid) -> dict[str, Tensor]:
        table = tensors.get("model.pos_embed")
        if table is None or grid == self.native_grid:
            return tensors
        prefix = table.shape[1] - grid[0] * grid[1]
        resized = resample_abs_pos_embed(table, list(self.native_grid), list(grid), num_prefix_tokens=prefix)
        return {**tensors, "model.pos_embed": resized}

    def forward(self, images: Tensor) -> Tensor:
        return to_tokens(self.model, self.model.forward_features(images))

    def pooled(self, images: Tensor) -> Tensor:
        return self.model(images) if self.uses_timm_pooling else self(images).mean(1)


def to_tokens(model: _FeatureModel, features: Tensor) -> Tensor:
    """Convert timm's features, `[B,prefix+N,D]`, `[B,D,H,W]` or `[B,H,W,D]`, to `[B,N,D]`.

    Raises ValueError for several feature maps, as multi-scale models return them.
    """
    if not isinstance(features, Tensor):
        raise ValueError("it returns several feature maps")
    if features.ndim == 3:
        return features[:, _num_prefix_tokens(model) :]
    if getattr(model, "output_fmt", "NCHW") == "NHWC":
        return features.flatten(1, 2)
    return features.flatten(2).transpose(1, 2)


def patch_of(model: _FeatureModel) -> int:
    """The stride of the features: the side of the square of pixels that one token stands for."""
    return int(model.feature_info[-1]["reduction"])


def _num_prefix_tokens(model: _FeatureModel) -> int:
    """The number of tokens before those of the grid."""
    return int(getattr(model, "num_prefix_tokens", getattr(model, "cls_token", None) is not None))


def _classifiers(network: nn.Module) -> tuple[str, ...]:
    """How the names of the classifier's tensors begin, which a model without one lacks."""
    known: Mapping[str, Any] = getattr(network, "pretrained_cfg", {})
    names = known.get("classifier") or ()
    return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))


def _require_known(name: str) -> None:
    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        raise RegistryError(f"timm has no model '{architecture}'.{nearest(architecture, timm.list_models())}")


def _own_size(name: str) -> int:
    """The side of the images of a model's weights, pixels."""
    known = timm.get_pretrained_cfg(name.partition(".")[0])
    if known is None:
        raise ConfigError([f"timm does not say for which image size {name} was made: give image_size"])
    return int(known.input_size[-1])


def _create(name: str, image_size: int, pretrained: bool) -> _FeatureModel:
    """The model without classifier, built for `image_size` if it has such an option."""
    pretrained = pretrained and loads_pretrained()
    for options in SIZE_OPTIONS:
        sizes: dict[str, Any] = {key: image_size if key == "img_size" else True for key in options}
        try:
            model: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=0, **sizes)
        except Exception as error:  # a size that does not fit may raise anything
            if isinstance(error, TypeError) and any(key in str(error) for key in options):
                continue
            what = f"timm's {name} cannot be built for {image_size} pixels: {first_line(error)}"
            raise WeightsError(what) if pretrained else ConfigError([what]) from error
        return cast(_FeatureModel, model)
    raise AssertionError("unreachable: the last of SIZE_OPTIONS is empty, so its TypeError is never ignored")


def _image_spec(model: _FeatureModel, name: str, image_size: int) -> ImageSpec:
    data = resolve_model_data_config(model)  # type: ignore[no-untyped-call]
    if data["crop_mode"] not in ("center", "squash"):
        mode = data["crop_mode"]
        raise ConfigError([f"timm prepares images for {name} by crop_mode '{mode}', which is not supported"])
    return ImageSpec(
        image_size,
        tuple(data["mean"]),
        tuple(data["std"]),
        resize="squash" if data["crop_mode"] == "squash" else "shortest",
        interpolation=data["interpolation"],
        crop=data["crop_pct"],
    )
