"""Images as users have them: Pillow's, files, arrays and tensors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.images.decode import decode_image, read_image, upright_rgb
from pali3kit.images.spec import ImageSpec
from pali3kit.inference.videos import VideoFrame

ImageInput: TypeAlias = "Image.Image | str | os.PathLike[str] | NDArray[Any] | Tensor"
"""A Pillow image, the path of a file, an array uint8 `[H,W,3]`, or a tensor `[3,H,W]`, uint8 or float in 0..1.

Pillow images and files become upright by their EXIF, and RGB with transparency on white, as those of data sets do.
"""
ImageInputs: TypeAlias = "ImageInput | Sequence[ImageInput]"
"""An image, or several that a prompt is about, in the order in which the model reads them."""
_CHOICES = "give a PIL image, a path, an array uint8 [H,W,3], or a tensor [3,H,W], uint8 or float in 0..1"


@dataclass
class UserImage:
    """An image of the user's, which is read when it is needed; `where` names it in errors.

    `size` is its height and width in pixels, upright, once it was read.
    """

    image: object
    where: str
    size: tuple[int, int] = field(default=(0, 0), init=False)

    def __post_init__(self) -> None:
        """Raise DataError for what is no image, before any is read."""
        if not isinstance(self.image, Image.Image | str | os.PathLike | Tensor | np.ndarray | VideoFrame):
            several = "; several images are a list" if isinstance(self.image, Iterable) else ""
            kind = type(self.image).__name__
            raise DataError(f"{self.where}: cannot read an image from {kind}: {_CHOICES}{several}.")

    def pixels(self) -> NDArray[np.uint8]:
        """uint8 `[H,W,3]`. Raises DataError, which begins with `where`, for an image that cannot be read."""
        image, where = self.image, self.where
        if isinstance(image, Image.Image):
            pixels = np.asarray(upright_rgb(image, where))
        elif isinstance(image, str | os.PathLike):
            pixels = _of_file(Path(os.path.expanduser(image)), where)
        elif isinstance(image, Tensor):
            pixels = _of_tensor(image, where)
        elif isinstance(image, VideoFrame):
            pixels = _of_frame(image, where)
        else:
            assert isinstance(image, np.ndarray)
            pixels = _of_array(image, where)
        if 0 in pixels.shape:
            raise DataError(f"{where}: it has no pixels: {list(pixels.shape)}")
        self.size = (pixels.shape[0], pixels.shape[1])
        return pixels

    def fitted(self, spec: ImageSpec) -> NDArray[np.uint8]:
        """uint8 `[size,size,3]`, as an encoder takes it. Raises DataError as `pixels`, or for one too thin."""
        pixels = self.pixels()
        try:
            return spec.fitted(pixels)
        except DataError as error:
            raise DataError(f"{self.where}: {error}") from error


def is_single(images: object) -> bool:
    """Whether this is one image and not a sequence of images."""
    return not isinstance(images, list | tuple)


def as_list(images: object) -> list[Any]:
    """A sequence of images as a list, one image as a list of one."""
    return list(images) if isinstance(images, list | tuple) else [images]


def _of_file(path: Path, where: str) -> NDArray[np.uint8]:
    try:
        return np.asarray(read_image(path))
    except (DataError, ValueError) as error:  # ValueError: a NUL in the name
        raise DataError(f"{where}: {error}") from error


def _of_frame(frame: VideoFrame, where: str) -> NDArray[np.uint8]:
    try:
        return np.asarray(decode_image(frame.read(), "a frame"))
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _of_array(image: NDArray[Any], where: str) -> NDArray[np.uint8]:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[-1] != 3:
        raise DataError(f"{where}: this is an array {image.dtype} {list(image.shape)}: {_CHOICES}.")
    return image


def _of_tensor(image: Tensor, where: str) -> NDArray[np.uint8]:
    """A tensor `[3,H,W]` on any device. Floats are rounded to the nearest of 256 values."""
    values = image.detach().cpu()
    if values.ndim != 3 or values.shape[0] != 3 or not (values.dtype == torch.uint8 or values.is_floating_point()):
        shown = f"{str(image.dtype).removeprefix('torch.')} {list(image.shape)}"
        raise DataError(f"{where}: this is a tensor {shown}: {_CHOICES}.")
    if values.dtype != torch.uint8:
        values = values.float()
        if not ((values >= 0) & (values <= 1)).all():  # not for NaN either
            raise DataError(f"{where}: values of a float tensor should be in 0..1; normalisation is done here.")
        values = (values * 255).round().to(torch.uint8)
    return np.ascontiguousarray(values.permute(1, 2, 0).numpy())
