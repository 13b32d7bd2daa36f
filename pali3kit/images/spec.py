"""The preprocessing that an encoder's weights were trained with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor
from typing import Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pali3kit.errors import DataError, choose
from pali3kit.images.decode import MAX_PIXELS

Resize = Literal["squash", "shortest"]
Middle = Literal["round", "floor"]
Colours = Literal["first", "last"]
Alpha = Literal["dropped", "white"]
RESAMPLING = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}  # PIL's numbers, which transformers writes too


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """An encoder's preprocessing. The default is big_vision's: squash to a square, and map values to [-1, 1].

    Attributes:
        size: side of the square input, pixels.
        mean: of the values in [0, 1], per channel.
        std: standard deviation, likewise.
        resize: `"squash"` to a square without keeping the aspect ratio, or the `"shortest"` side, keeping it.
        interpolation: a name in `RESAMPLING`.
        crop: the side of the centre crop as a share of the resized side, which is `size / crop`.
        middle: how half a pixel's offset of the crop is rounded: timm and open_clip `"round"` half to even,
            transformers takes the `"floor"`.
        colours: when images become RGB: `"first"`, or `"last"` as in open_clip, which resizes palettes without
            interpolation and CMYK as CMYK.
        alpha: transparency is `"dropped"`, which shows the colours below, or put on `"white"` as in transformers 5.
    """

    size: int
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)
    resize: Resize = "squash"
    interpolation: str = "bilinear"
    crop: float = 1.0
    middle: Middle = "round"
    colours: Colours = "first"
    alpha: Alpha = "dropped"

    def __post_init__(self) -> None:
        """Raise DataError for an unknown name."""
        for what, name, choices in (
            ("resize", self.resize, get_args(Resize)),
            ("interpolation", self.interpolation, RESAMPLING),
            ("middle", self.middle, get_args(Middle)),
            ("colours", self.colours, get_args(Colours)),
            ("alpha", self.alpha, get_args(Alpha)),
        ):
            if name not in choices:
                raise DataError(f"{what} cannot be '{name}'.{choose(name, choices)}")

    def fit(self, image: Image.Image) -> np.ndarray:
        """An image of any size and mode to uint8 `[size,size,3]`.

        Raises DataError for one so thin that it would take gigabytes when resized.
        """
        how = Image.Resampling(RESAMPLING[self.interpolation])
        image = self._in_colours(image) if self.colours == "first" else image
        side = int(round(self.size / self.crop, 6))  # rounded first, as 224 / (224 / 400) is slightly below 400
        shortest = min(image.size)
        width, height = (side, side) if self.resize == "squash" else (side * own // shortest for own in image.size)
        if width * height > MAX_PIXELS:
            raise DataError(
                f"an image of {image.width}x{image.height} pixels is too thin: it would be resized to {width}x{height}"
            )
        halved = floor if self.middle == "floor" else round
        left, top = halved((width - self.size) / 2), halved((height - self.size) / 2)
        middle = image.resize((width, height), how).crop((left, top, left + self.size, top + self.size))
        # copied, as PIL's buffer is read-only, of which torch warns
        return np.array(self._in_colours(middle))

    def opaque(self, image: np.ndarray) -> np.ndarray:
        """An image uint8 `[H,W,3]`, or `[H,W,4]` with transparency, to uint8 `[H,W,3]`."""
        return image if image.shape[2] == 3 else np.array(self._in_colours(Image.fromarray(image)))

    def _in_colours(self, image: Image.Image) -> Image.Image:
        if self.alpha == "white" and image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        return image.convert("RGB")

    def fitted(self, image: np.ndarray) -> np.ndarray:
        """`fit` for uint8 `[H,W,3]`, or `[H,W,4]` with transparency; RGB of the right size stays as it is."""
        return image if image.shape == (self.size, self.size, 3) else self.fit(Image.fromarray(image))

    def prepare(self, images: Iterable[np.ndarray]) -> Tensor:
        """Images uint8 `[H,W,3]` of any sizes to float32 `[B,3,size,size]`: fitted, then normalised."""
        return self.normalise_batch(self.to_batch(images))

    def to_batch(self, images: Iterable[np.ndarray]) -> Tensor:
        """Images uint8 `[H,W,3]` of any sizes to uint8 `[B,3,size,size]`: fitted, to be normalised on the device."""
        return _channels_first(np.stack([self.fitted(image) for image in images]))

    def transform(self, image: Image.Image) -> Tensor:
        """An image of any size and mode to float32 `[3,size,size]`: fitted, then normalised."""
        return self.normalise(self.fit(image)[None])[0]

    def normalise(self, images: np.ndarray) -> Tensor:
        """uint8 `[B,H,W,3]` to float32 `[B,3,H,W]`."""
        return self.normalise_batch(_channels_first(images))

    def normalise_batch(self, images: Tensor) -> Tensor:
        """uint8 `[...,3,H,W]` to float32 on the same device; floats, which are normalised already, as they are."""
        if images.dtype != torch.uint8:
            return images
        mean, std = (
            torch.tensor(values).view(3, 1, 1).to(images.device, non_blocking=True) for values in (self.mean, self.std)
        )
        return images.float().div_(255).sub_(mean).div_(std)


def _channels_first(images: np.ndarray) -> Tensor:
    """`[B,H,W,3]` as `[B,3,H,W]`, a view."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)
