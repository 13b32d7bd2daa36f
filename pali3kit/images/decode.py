"""Picture files to pixels, safely: what is broken, cut off or absurdly large raises DataError and nothing else."""

from __future__ import annotations

import errno
import io
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import TiffImageFile

from pali3kit.errors import DataError
from pali3kit.images.claims import claimed
from pali3kit.images.rgb import check_depth, scale_clear, to_rgb

Image.init()  # all that this Pillow has
# Limits are ours, and what is wrong with a file is told as an error. Once for all: `catch_warnings` is for one thread.
warnings.filterwarnings("ignore", module=r"PIL\.")
RASTER = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
FORMATS = tuple(name for name in RASTER if name in Image.OPEN)
"""The raster formats of data sets. Pillow would hand others to programs: an EPS, whatever its name, to Ghostscript."""
VERSION = 2
"""Raised when the same bytes become other pixels: what was made of them is then made anew."""
MOST_PIXELS = 64_000_000  # big photographs have 50 million
MOST_FILE = 200_000_000  # bytes; as many pixels in three uncompressed colours
MOST_BYTES = 768_000_000  # of memory on the way to an array
BYTES = {"JPEG2000": 25, "AVIF": 20, "WEBP": 18}
"""Of memory for a pixel on that way, as measured (speed/fuzz_pictures.py); of the other formats `MOST_PIXELS` fit."""
ORIENTATION = 0x0112  # EXIF: from 5 on, the picture lies on its side
SIDEWAYS = (5, 6, 7, 8)
Size = tuple[int, int]  # height, width


def decode(
    data: bytes, where: str, most_pixels: int = MOST_PIXELS, upright: bool = True, size: Size | None = None
) -> Image.Image:
    """The picture in `data` in RGB, turned as its EXIF says; transparency lies on white. Of several it is the first.

    A TIFF is always turned: so Pillow reads it.

    Args:
        data: a file's bytes, in one of `FORMATS`.
        where: what to call the picture in errors.
        most_pixels: more are refused before they are decoded, and fewer of the formats in `BYTES`.
        upright: False leaves it as it is stored, transparency too, in RGBA: what becomes of it is the encoder's to say.
        size: (height, width) of the picture as somebody drew boxes on it, perhaps smaller or larger: it tells whether
            they saw it turned, and it is then turned or not.

    Raises:
        DataError: no picture, cut off, too large, of greys without a known white, or not of the `size`.
    """
    with _named(data, where):
        image = _opened(data, most_pixels)
        scale_clear(image)
        image.load()
        if _turned(image, upright, size):
            ImageOps.exif_transpose(image, in_place=True)
        return to_rgb(image, white=upright)


def read_size(data: bytes, where: str, upright: bool = True) -> Size:
    """(height, width) of what `decode` would give, from the file's header alone. Raises DataError as `decode` does."""
    with _named(data, where):
        stored, shown = _sizes(_opened(data, MOST_PIXELS))
        return shown if upright else stored


def read(path: Path, most_pixels: int = MOST_PIXELS, upright: bool = True) -> Image.Image:
    """`decode` for a file."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return decode(data, str(path), most_pixels, upright)


def read_bytes(path: Path) -> bytes:
    """A picture's file, or as much of it as `decode` needs to know that it is too large.

    Raises OSError also for what is no file: a pipe would be waited for, and a device has no end.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a folder is refused as it is opened
        raise OSError(errno.EINVAL, "it is a pipe, socket or device, and no file")
    with path.open("rb") as file:
        return file.read(MOST_FILE + 1)


@contextmanager
def _named(data: bytes, where: str) -> Iterator[None]:
    """Whatever is raised becomes a DataError that says where."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from error.__cause__
    except Image.DecompressionBombError as error:
        raise DataError(f"{where}: {error}") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: not a picture in a known format ({len(data)} bytes)") from error
    except Exception as error:  # plug-ins raise all there are of damaged files, MemoryError of sizes that these claim
        told = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{where}: broken picture: {told}") from error


def _opened(data: bytes, most_pixels: int) -> ImageFile.ImageFile:
    """The picture with its header read. Raises DataError where decoding it would take too much, or give no colours."""
    if len(data) > MOST_FILE:
        raise DataError(f"its file is larger than {MOST_FILE / 1e6:g} MB")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    (width, height), pixels = image.size, claimed(image, data)
    most = min(most_pixels, MOST_BYTES // BYTES.get(image.format or "", 1))
    if pixels > most:
        tiles = "" if pixels == width * height else f" in tiles that take the memory of {pixels / 1e6:.0f} million"
        raise DataError(f"{width}x{height} pixels{tiles} are more than {most / 1e6:g} million")
    check_depth(image)
    return image


def _sizes(image: Image.Image) -> tuple[Size, Size]:
    """(height, width) as it is stored, and turned as its EXIF says."""
    width, height = image.size
    return (height, width), (width, height) if _orientation(image) in SIDEWAYS else (height, width)


def _orientation(image: Image.Image) -> int:
    """1 to 8; of a TIFF 1, which Pillow has turned."""
    known = 1 if isinstance(image, TiffImageFile) else image.getexif().get(ORIENTATION, 1)
    return known if known in range(1, 9) else 1


def _turned(image: Image.Image, upright: bool, size: Size | None) -> bool:
    """Whether to turn a picture as its EXIF says. Raises DataError where it should have a `size` and has another."""
    if size is None:
        return upright
    stored, shown = _sizes(image)
    sizes = {True: shown, False: stored} if upright else {False: stored}
    fitting = [turned for turned, own in sizes.items() if own == size]
    fitting = fitting or [turned for turned, own in sizes.items() if in_proportion(own, size)]
    told = f"boxes are on a picture of {size[0]}x{size[1]} (height x width), it is of {stored[0]}x{stored[1]}"
    if not fitting:
        turned_too = f", turned by its EXIF {shown[0]}x{shown[1]}" if upright and shown != stored else ""
        raise DataError(f"{told}{turned_too}")
    if len(fitting) > 1 and (orientation := _orientation(image)) != 1:
        raise DataError(f"{told} and its EXIF turns it (orientation {orientation}): nothing says if it turns them too")
    return fitting[0]


def in_proportion(one: Size, other: Size) -> bool:
    """Whether both are a third one made smaller or larger, to whole pixels."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= (sum(one) + sum(other)) / 2
