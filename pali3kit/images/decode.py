"""Picture files to pixels, safely: what is broken, cut off or absurdly large raises DataError and nothing else."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from pali3kit.errors import DataError

Image.init()  # all that this Pillow has
FORMATS = tuple({"JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "MPO", "JPEG2000", "PPM", "AVIF"} & Image.OPEN.keys())
"""The raster formats of data sets. Pillow would hand others to programs: an EPS, whatever its name, to Ghostscript."""
VERSION = 1
"""Raised when the same bytes become other pixels: what was made of them is then made anew."""
MOST_PIXELS = 100_000_000  # a picture of 300 megapixels needs a gigabyte to decode; big photographs have 50
ORIENTATION = 0x0112  # EXIF: from 5 on, the picture lies on its side
SIDEWAYS = (5, 6, 7, 8)
BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, TypeError, KeyError)  # what Pillow's plug-ins raise


def decode(data: bytes, where: str, most_pixels: int = MOST_PIXELS, upright: bool = True) -> Image.Image:
    """The picture in `data` in RGB, turned as its EXIF says; transparency lies on white.

    Args:
        data: a file's bytes, in one of `FORMATS`.
        where: what to call the picture in errors.
        most_pixels: more are refused before they are decoded.
        upright: False leaves it as it is stored, and drops transparency: so benchmarks are read by others.

    Raises:
        DataError: no picture, cut off, or too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit below is ours
            image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = image.size
            if width * height > most_pixels:
                raise DataError(f"{where}: {width}x{height} pixels are more than {most_pixels / 1e6:g} million")
            image.load()
            return _flattened(ImageOps.exif_transpose(image)) if upright else image.convert("RGB")
    except Image.DecompressionBombError as error:
        raise DataError(f"{where}: {error}") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: not a picture in a known format ({len(data)} bytes)") from error
    except BROKEN as error:
        raise DataError(f"{where}: broken picture: {error}") from error


def read_size(data: bytes, where: str) -> tuple[int, int]:
    """(height, width) of what `decode` would give, from the file's header alone. Raises DataError as `decode` does."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        width, height = image.size
        return (width, height) if image.getexif().get(ORIENTATION) in SIDEWAYS else (height, width)
    except (*BROKEN, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: no size can be read from it ({len(data)} bytes)") from error


def read(path: Path, most_pixels: int = MOST_PIXELS, upright: bool = True) -> Image.Image:
    """`decode` for a file."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return decode(data, str(path), most_pixels, upright)


def _flattened(image: Image.Image) -> Image.Image:
    """RGB, with what is transparent on white rather than on whatever colour lies under it."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")
