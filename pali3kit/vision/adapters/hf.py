"""Vision models of transformers: `hf/<repo or local folder>`."""

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
"""By `model_type` of a config; SigLIP 2 at fixed resolutions calls itself SigLIP."""
NAFLEX = " It reads patches of pictures of any shape (NaFlex): take SigLIP 2 at a fixed size, or timm/naflexvit_*."
PROCESSORS = ("processor_config.json", "preprocessor_config.json")
"""Where transformers says how pictures are prepared: its version 5 writes the first, for both processors, and reads it
before the second.
"""
BILINEAR, BICUBIC = 2, 3


class Output(Protocol):
    """States `[B,prefix+N,D]` and, where the model pools them, `[B,D]`."""

    last_hidden_state: Tensor
    pooler_output: Tensor | None


class _VisionModel(Protocol):
    """What is asked of the vision models of transformers."""

    config: PretrainedConfig
    pooler: nn.Module | None

    def __call__(self, *, pixel_values: Tensor, interpolate_pos_encoding: bool) -> Output: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def float(self) -> _VisionModel: ...


@VISION.register("hf/", "SigLIP, CLIP, DINOv2 or ViT of transformers: hf/<repo or folder>")
class HfEncoder(Adapter):
    """A vision model of transformers, or the vision half of a two-tower model: tokens after its last norm.

    Class and register tokens are removed: they come first, and are as many as there are more states than patches.
    Positions at another resolution are resampled by transformers' own rule (bicubic).

    `pooled` is the model's own pooling if its files hold one, as the ViTs of ImageNet-21k do, else the class token.

    Args:
        source: a repository, which transformers fetches unless it has it, or a local folder.
        image_size: side length of the pictures, pixels.
        trust_remote_code: run Python code that lies beside the weights, where the model is not one of transformers.

    Raises:
        ConfigError: transformers is missing, the model is none of these, or not for pictures of this size.
        WeightsError: there is no such model, or its weights or its preprocessing cannot be read or are not all.
    """

    def __init__(self, source: str, image_size: int, trust_remote_code: bool = False) -> None:
        model = _load(source, trust_remote_code)
        config = model.config
        width, patch = (getattr(config, name, 0) for name in ("hidden_size", "patch_size"))
        if not (isinstance(width, int) and isinstance(patch, int) and width * patch):
            raise ConfigError([f"hf/{source}: its config tells no hidden_size and patch_size of a ViT"])
        super().__init__(width, patch, image_spec(source, image_size), f"hf/{source}")
        self.model = model
        for name, parameter in model.named_parameters():
            if name.endswith("mask_token"):  # masked pretraining's alone: a parameter without gradient stops DDP
                parameter.requires_grad_(False)
        self.demand_contract(image_size)

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = (side // self.patch for side in images.shape[-2:])
        return self._states(images)[:, -rows * columns :]

    def pooled(self, images: Tensor) -> Tensor:
        """The model's own pooling; the class token where its files hold none."""
        pooled = self._run(images).pooler_output
        return self._states(images)[:, 0] if pooled is None else pooled

    def _states(self, images: Tensor) -> Tensor:
        states = self._run(images).last_hidden_state
        if not self.model.config.model_type.startswith("clip"):
            return states
        # CLIP norms its class token alone, when it is pooled; as in open_clip, all tokens get that norm here
        tower: Any = getattr(self.model, "vision_model", self.model)
        normed: Tensor = tower.post_layernorm(states)
        return normed

    def _run(self, images: Tensor) -> Output:
        return self.model(pixel_values=images, interpolate_pos_encoding=True)


def image_spec(source: str, image_size: int, *, demanded: bool = False) -> ImageSpec:
    """From the file of the image processor, as the processors of these models read it; SigLIP's where there is none.

    Raises WeightsError, naming the file, for one that cannot be read so, or that is missing although it is `demanded`.
    """
    file, given = _preprocessing(source)
    if demanded and not file:
        raise WeightsError(f"hf/{source} does not say how its pictures are prepared: there is no {PROCESSORS[1]}")
    try:
        return _spec(given, image_size)
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError) as error:
        told = error if isinstance(error, ValueError) else repr(error)
        raise WeightsError(f"{file} is no preprocessing of pictures that is known here: {told}") from error


def _load(source: str, trust_remote_code: bool) -> _VisionModel:
    kind = read_hf_config(source, trust_remote_code).model_type
    if kind not in CLASSES and not trust_remote_code:
        hint = NAFLEX if kind.startswith("siglip2") else choose(kind, CLASSES)
        raise ConfigError([f"hf/{source} is a '{kind}', not a vision model that is known here.{hint}"])
    loaded, lacking = load_hf_model(source, CLASSES.get(kind, "AutoModel"), "pooler.", trust_remote_code)
    model: _VisionModel = loaded.float()
    if lacking:
        model.pooler = None  # trained as a classifier of the class token: there never was one
    return model


def _preprocessing(source: str) -> tuple[str, Any]:
    """The file and what it says; nothing where there is none."""
    from transformers.utils.hub import cached_file

    for name in PROCESSORS:
        if (file := cached_file(source, name, _raise_exceptions_for_missing_entries=False)) is None:
            continue
        try:
            given = json.loads(Path(file).read_text())
        except ValueError as error:
            raise WeightsError(f"{file} is no JSON: {error}") from error
        if name == PROCESSORS[1]:
            return file, given
        if isinstance(given, dict) and "image_processor" in given:
            return file, given["image_processor"]
    return "", {}


def _spec(given: dict[str, Any], image_size: int) -> ImageSpec:
    _demand_usual(given)
    usual = BILINEAR if given.get("image_processor_type", "").startswith("ViT") else BICUBIC
    normal = given.get("do_normalize", True)
    size, crops = given.get("size", {}), given.get("do_center_crop")
    if isinstance(size, int):  # files of older versions: one number is the shorter side where pictures are cropped
        size = {"shortest_edge": size} if crops else {}
    shortest = size.get("shortest_edge")
    crop = given.get("crop_size", shortest) if crops else shortest
    crop = crop["height"] if isinstance(crop, dict) else crop
    return ImageSpec(
        image_size,
        _colours(given.get("image_mean", (0.5, 0.5, 0.5)) if normal else (0.0, 0.0, 0.0)),
        _colours(given.get("image_std", (0.5, 0.5, 0.5)) if normal else (1.0, 1.0, 1.0)),
        resize="squash" if shortest is None else "shortest",
        interpolation={number: name for name, number in RESAMPLING.items()}[given.get("resample", usual)],
        crop=1.0 if shortest is None else crop / shortest,
        middle="floor",
        alpha="white" if _lays_on_white() else "dropped",
    )


def _lays_on_white() -> bool:
    """Whether transformers here lays what is transparent on white: so since its version 5."""
    import transformers

    return int(transformers.__version__.partition(".")[0]) >= 5


def _demand_usual(given: dict[str, Any]) -> None:
    """Raise ValueError for what an `ImageSpec` cannot say."""
    if not given.get("do_resize", True):
        raise ValueError("do_resize is false")
    if not given.get("do_rescale", True) or abs(255 * given.get("rescale_factor", 1 / 255) - 1) > 1e-6:
        raise ValueError("values are not divided by 255")
    size, kind = given.get("size"), given.get("image_processor_type", "")
    if isinstance(size, dict) and size.get("height") != size.get("width"):
        raise ValueError(f"pictures are no squares: size {size}")
    if size is None and kind.startswith(("CLIP", "Bit")):
        raise ValueError("it says no size")


def _colours(values: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = map(float, values)
    return red, green, blue
