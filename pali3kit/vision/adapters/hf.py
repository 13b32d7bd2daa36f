"""Vision encoders of transformers: `hf/<repo or local folder>`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor, nn

from pali3kit.errors import ConfigError, WeightsError, choose
from pali3kit.images.spec import RESAMPLING, ImageSpec
from pali3kit.nn.hf import load_hf_model, read_hf_config
from pali3kit.registry import VISION
from pali3kit.vision.contract import Adapter

if TYPE_CHECKING:
    from transformers import PretrainedConfig

CLASSES = {
    "siglip": "SiglipVisionModel",
    "siglip_vision_model": "SiglipVisionModel",
    "clip": "CLIPVisionModel",
    "clip_vision_model": "CLIPVisionModel",
    "dinov2": "Dinov2Model",
    "dinov2_with_registers": "Dinov2WithRegistersModel",
    "vit": "ViTModel",
}
"""By a config's `model_type`, which is `siglip` for SigLIP 2 at fixed resolutions too."""
NAFLEX = " It takes patches of images of any shape (NaFlex): use SigLIP 2 at a fixed size, or timm/naflexvit_*."
PROCESSORS = ("processor_config.json", "preprocessor_config.json")
"""Files of transformers' preprocessing. Version 5 writes the first, which also holds the tokenizer's options, and
prefers it to the second.
"""
BILINEAR, BICUBIC = 2, 3


class _Output(Protocol):
    """Tokens `[B,prefix+N,D]` and, if the model pools them, `[B,D]`."""

    last_hidden_state: Tensor
    pooler_output: Tensor | None


class _VisionModel(Protocol):
    """What we use of transformers' vision models."""

    config: PretrainedConfig
    pooler: nn.Module | None

    def __call__(self, *, pixel_values: Tensor, interpolate_pos_encoding: bool) -> _Output: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def float(self) -> _VisionModel: ...


@VISION.register("hf/", "SigLIP, CLIP, DINOv2 or ViT of transformers: hf/<repo or folder>")
class HfEncoder(Adapter):
    """A vision model of transformers, or the image tower of its two-tower models: tokens after the last norm.

    Class and register tokens, which come before the patches, are removed. Positions at another resolution are resampled
    by transformers (bicubic).

    `pooled` is the model's own pooler if its weights have one, as the ViTs of ImageNet-21k do, else the class token.

    Args:
        source: a repository on the hub, downloaded unless it is cached, or a local folder.
        image_size: side of the images, pixels; None: that of the model's positions.
        trust_remote_code: run the Python code beside the weights, for models that are not part of transformers.

    Raises:
        ConfigError: transformers is missing, the model is of an unknown type, or it cannot take images of this size.
        WeightsError: there is no such model, or its weights or preprocessing are unreadable or incomplete.
    """

    def __init__(self, source: str, image_size: int | None = None, trust_remote_code: bool = False) -> None:
        model = _load(source, trust_remote_code)
        config = model.config
        width, patch = (getattr(config, name, 0) for name in ("hidden_size", "patch_size"))
        if not (isinstance(width, int) and isinstance(patch, int) and width * patch):
            raise ConfigError([f"hf/{source}: its config lacks hidden_size and patch_size"])
        size = image_size or int(config.image_size)
        super().__init__(width, patch, hf_image_spec(source, size), f"hf/{source}")
        self.model = model
        for name, parameter in model.named_parameters():
            if name.endswith("mask_token"):  # used in masked pretraining only; DDP fails on unused parameters
                parameter.requires_grad_(False)
        self.require_output_shapes(size)

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = (side // self.patch for side in images.shape[-2:])
        return self._tokens(images)[:, -rows * columns :]

    def pooled(self, images: Tensor) -> Tensor:
        """The output of the model's own pooler, or the class token if it has none."""
        pooled = self._run(images).pooler_output
        return self._tokens(images)[:, 0] if pooled is None else pooled

    def _tokens(self, images: Tensor) -> Tensor:
        tokens = self._run(images).last_hidden_state
        if not self.model.config.model_type.startswith("clip"):
            return tokens
        # transformers applies CLIP's last norm to the pooled class token only; here, as in open_clip, to all tokens.
        tower: Any = getattr(self.model, "vision_model", self.model)
        normed: Tensor = tower.post_layernorm(tokens)
        return normed

    def _run(self, images: Tensor) -> _Output:
        return self.model(pixel_values=images, interpolate_pos_encoding=True)


def hf_image_spec(source: str, image_size: int, *, required: bool = False) -> ImageSpec:
    """The preprocessing that the file of the image processor describes; SigLIP's if there is no file.

    Raises WeightsError for options that an `ImageSpec` cannot express, and if a `required` file is missing.
    """
    file, options = _preprocessing(source)
    if required and not file:
        raise WeightsError(f"hf/{source} does not describe its preprocessing: there is no {PROCESSORS[1]}")
    try:
        return _spec(options, image_size)
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        reason = error if isinstance(error, ValueError) else repr(error)
        raise WeightsError(f"{file} describes a preprocessing that is not supported: {reason}") from error


def _load(source: str, trust_remote_code: bool) -> _VisionModel:
    kind = read_hf_config(source, trust_remote_code).model_type
    if kind not in CLASSES and not trust_remote_code:
        hint = NAFLEX if kind.startswith("siglip2") else choose(kind, CLASSES)
        raise ConfigError([f"hf/{source} is a '{kind}', not a supported vision model.{hint}"])
    loaded, lacking = load_hf_model(source, CLASSES.get(kind, "AutoModel"), "pooler.", trust_remote_code)
    model: _VisionModel = loaded.float()
    if lacking:
        model.pooler = None  # the model was trained as a classifier of the class token
    return model


def _preprocessing(source: str) -> tuple[str, Any]:
    """The image processor's file and its options; empty if there is no file."""
    from transformers.utils.hub import cached_file

    for name in PROCESSORS:
        if (file := cached_file(source, name, _raise_exceptions_for_missing_entries=False)) is None:
            continue
        try:
            options = json.loads(Path(file).read_text())
        except ValueError as error:
            raise WeightsError(f"{file} is not JSON: {error}") from error
        if name == PROCESSORS[1]:
            return file, options
        if isinstance(options, dict) and "image_processor" in options:
            return file, options["image_processor"]
    return "", {}


def _spec(options: dict[str, Any], image_size: int) -> ImageSpec:
    _require_supported(options)
    default = BILINEAR if options.get("image_processor_type", "").startswith("ViT") else BICUBIC
    normal = options.get("do_normalize", True)
    size, crops = options.get("size", {}), options.get("do_center_crop")
    if isinstance(size, int):  # older files give one number, which is the shorter side if images are cropped
        size = {"shortest_edge": size} if crops else {}
    shortest = size.get("shortest_edge")
    crop = options.get("crop_size", shortest) if crops else shortest
    crop = crop["height"] if isinstance(crop, dict) else crop
    return ImageSpec(
        image_size,
        _colours(options.get("image_mean", (0.5, 0.5, 0.5)) if normal else (0.0, 0.0, 0.0)),
        _colours(options.get("image_std", (0.5, 0.5, 0.5)) if normal else (1.0, 1.0, 1.0)),
        resize="squash" if shortest is None else "shortest",
        interpolation={number: name for name, number in RESAMPLING.items()}[options.get("resample", default)],
        crop=1.0 if shortest is None else crop / shortest,
        middle="floor",
        alpha="white" if _composes_on_white() else "dropped",
    )


def _composes_on_white() -> bool:
    """Whether transformers puts transparent images on white: since its version 5."""
    import transformers

    return int(transformers.__version__.partition(".")[0]) >= 5


def _require_supported(options: dict[str, Any]) -> None:
    """Raise ValueError for options that an `ImageSpec` cannot express."""
    if not options.get("do_resize", True):
        raise ValueError("do_resize is false")
    if not options.get("do_rescale", True) or abs(255 * options.get("rescale_factor", 1 / 255) - 1) > 1e-6:
        raise ValueError("values are not divided by 255")
    size, kind = options.get("size"), options.get("image_processor_type", "")
    if isinstance(size, dict) and size.get("height") != size.get("width"):
        raise ValueError(f"images are not square: size {size}")
    if size is None and kind.startswith(("CLIP", "Bit")):
        raise ValueError("it gives no size")


def _colours(values: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue
