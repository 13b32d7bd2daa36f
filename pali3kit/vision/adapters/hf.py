"""Vision models of transformers: `hf/<repo or local folder>`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from pali3kit.errors import ConfigError, WeightsError, choose
from pali3kit.images.spec import RESAMPLING, ImageSpec
from pali3kit.vision.contract import Adapter

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


class HfEncoder(Adapter):
    """A vision model of transformers, or the vision half of a two-tower model: tokens after its last norm.

    Class and register tokens are removed: they come first, and are as many as there are more states than patches.
    Positions at another resolution are resampled by transformers' own rule (bicubic).

    Args:
        source: a repository, which transformers fetches unless it has it, or a local folder.
        image_size: side length of the pictures, pixels.
    """

    def __init__(self, source: str, image_size: int) -> None:
        model = _load(source)
        config = model.config
        super().__init__(config.hidden_size, config.patch_size, _spec(source, image_size))
        self.model = model
        for name, parameter in model.named_parameters():
            if name.endswith("mask_token"):  # masked pretraining's alone: a parameter without gradient stops DDP
                parameter.requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        rows, columns = (side // self.patch for side in images.shape[-2:])
        return self._states(images)[:, -rows * columns :]

    def pooled(self, images: Tensor) -> Tensor:
        """The model's own pooling; the class token where it has none."""
        output = self._run(images)
        pooled: Tensor | None = output.pooler_output
        return self._states(images)[:, 0] if pooled is None else pooled

    def _states(self, images: Tensor) -> Tensor:
        states: Tensor = self._run(images).last_hidden_state
        if not self.model.config.model_type.startswith("clip"):
            return states
        # CLIP norms its class token alone, when it is pooled; as in open_clip, all tokens get that norm here
        tower = getattr(self.model, "vision_model", self.model)
        return tower.post_layernorm(states)  # type: ignore[no-any-return]

    def _run(self, images: Tensor) -> Any:
        return self.model(pixel_values=images, interpolate_pos_encoding=True)


def demand_folder(source: str) -> None:
    """Raise WeightsError where `source` is written like a folder and there is none."""
    if source.startswith((".", "/", "~")) and not Path(source).is_dir():
        raise WeightsError(f"hf/{source}: there is no folder {Path(source).resolve()}")


def _load(source: str) -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ConfigError([f"hf/{source} needs transformers: pip install 'pali3kit[hf]'"]) from error
    demand_folder(source)
    try:
        kind = transformers.AutoConfig.from_pretrained(source).model_type
    except (OSError, ValueError) as error:
        raise WeightsError(f"hf/{source} is no model of transformers: {str(error).splitlines()[0]}") from error
    if kind not in CLASSES:
        raise ConfigError([f"hf/{source} is a '{kind}', not a vision model that is known here.{choose(kind, CLASSES)}"])
    options = {"add_pooling_layer": False} if kind == "vit" else {}
    return getattr(transformers, CLASSES[kind]).from_pretrained(source, **options)


def _spec(source: str, image_size: int) -> ImageSpec:
    """From `preprocessor_config.json`, as the image processors of these models read it."""
    from transformers.utils.hub import cached_file

    file = cached_file(source, "preprocessor_config.json", _raise_exceptions_for_missing_entries=False)
    given = json.loads(Path(file).read_text()) if file else {}
    size, crops = given.get("size", {}), given.get("do_center_crop")
    if isinstance(size, int):  # files of older versions: one number is the shorter side where pictures are cropped
        size = {"shortest_edge": size} if crops else {}
    shortest = size.get("shortest_edge")
    crop = given.get("crop_size", shortest) if crops else shortest
    crop = crop["height"] if isinstance(crop, dict) else crop
    return ImageSpec(
        image_size,
        tuple(given.get("image_mean", (0.5, 0.5, 0.5))),
        tuple(given.get("image_std", (0.5, 0.5, 0.5))),
        resize="squash" if shortest is None else "shortest",
        interpolation={number: name for name, number in RESAMPLING.items()}[given.get("resample", 2)],
        crop=1.0 if shortest is None else crop / shortest,
        middle="floor",
    )
