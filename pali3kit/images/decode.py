"""Decoding image files to RGB, safely: a broken, truncated or huge file raises DataError and nothing else."""

from __future__ import annotations

import errno
import io
import stat
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)

from pali3kit.errors import DataError

Image.init()  # registers all formats of this Pillow
# We set the limits and raise errors instead. Globally, because `catch_warnings` is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")
RASTER = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
FORMATS = tuple(name for name in RASTER if name in Image.OPEN)
"""The raster formats of data sets. Pillow would run programs on others, such as Ghostscript on an EPS of any name."""
VERSION = 2
"""Increased when the same bytes become other pixels, so that artifacts made from them are recomputed."""
MOST_PIXELS = 64_000_000  # large photographs have 50 million
MOST_FILE = 200_000_000  # bytes, about `MOST_PIXELS` in three uncompressed channels
MOST_BYTES = 768_000_000  # of memory while decoding
BYTES = {"JPEG2000": 25, "AVIF": 20, "WEBP": 18}
"""Of memory per pixel while decoding, measured by speed/fuzz_pictures.py; in other formats `MOST_PIXELS` fit."""
ORIENTATION = 0x0112  # EXIF tag
ROTATED_SIDEWAYS = (5, 6, 7, 8)  # its values that swap height and width
CODESTREAM = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 codestream, and its size marker
SIZES = struct.Struct(">4xHH8IH")  # length, profile, image extent and offset, tile size and offset, components
TILE, COMPONENT = 400, 50  # pixels' worth of memory that OpenJPEG takes per further tile, and per component of one
SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of 16-bit greys
STEPS = {"L;2": 85, "L;4": 17}  # factors from greys of two and four bits to eight
WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation
Size = tuple[int, int]  # height, width


def decode_image(
    data: bytes, where: str, most_pixels: int = MOST_PIXELS, upright: bool = True, size: Size | None = None
) -> Image.Image:
    """The first image in `data` as RGB, rotated according to its EXIF, with transparency on white.

    A TIFF is always rotated, which Pillow does.

    Args:
        data: a file's bytes, in one of `FORMATS`.
        where: the image's name in errors.
        most_pixels: the limit, which is checked before decoding; lower for formats in `BYTES`.
        upright: False returns the image as it is stored, not rotated, and RGBA if it is transparent, since encoders
            treat transparency differently.
        size: (height, width) of the image on which its boxes were drawn, perhaps scaled: it decides whether the image
            is rotated as they were drawn.

    Raises:
        DataError: it is no image, truncated, too large, of another size than `size`, or has greys of unknown range.
    """
    with _as_data_error(data, where):
        image = _open(data, most_pixels)
        _scale_transparency(image)
        image.load()
        if _must_rotate(image, upright, size):
            ImageOps.exif_transpose(image, in_place=True)
        return _to_rgb(image, white=upright)


def read_size(data: bytes, where: str, upright: bool = True) -> Size:
    """(height, width) of the image that `decode_image` returns, from the header alone. Raises DataError as it does."""
    with _as_data_error(data, where):
        stored, shown = _sizes(_open(data, MOST_PIXELS))
        return shown if upright else stored


def read_image(path: Path, most_pixels: int = MOST_PIXELS, upright: bool = True) -> Image.Image:
    """`decode_image` for a file."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return decode_image(data, str(path), most_pixels, upright)


def read_bytes(path: Path) -> bytes:
    """The bytes of an image file, or the beginning of one that is too large for `decode_image`.

    Raises OSError also for pipes and devices, which may block or never end.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a folder is refused as it is opened
        raise OSError(errno.EINVAL, "it is a pipe, socket or device, and no file")
    with path.open("rb") as file:
        return file.read(MOST_FILE + 1)


@contextmanager
def _as_data_error(data: bytes, where: str) -> Iterator[None]:
    """Turn any exception into a DataError that says where."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from error.__cause__
    except Image.DecompressionBombError as error:
        raise DataError(f"{where}: {error}") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: not a picture in a known format ({len(data)} bytes)") from error
    except Exception as error:  # Pillow raises any of many for damaged files, MemoryError for claimed sizes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{where}: broken picture: {reason}") from error


def _open(data: bytes, most_pixels: int) -> ImageFile.ImageFile:
    """The image with its header read. Raises DataError if decoding would take too much memory, or greys are unknown."""
    if len(data) > MOST_FILE:
        raise DataError(f"its file is larger than {MOST_FILE / 1e6:g} MB")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    (width, height), pixels = image.size, _claimed(image, data)
    most = min(most_pixels, MOST_BYTES // BYTES.get(image.format or "", 1))
    if pixels > most:
        tiles = "" if pixels == width * height else f" in tiles that take the memory of {pixels / 1e6:.0f} million"
        raise DataError(f"{width}x{height} pixels{tiles} are more than {most / 1e6:g} million")
    _check_depth(image)
    return image


def _sizes(image: Image.Image) -> tuple[Size, Size]:
    """(height, width) as stored, and rotated according to EXIF."""
    width, height = image.size
    return (height, width), (width, height) if _orientation(image) in ROTATED_SIDEWAYS else (height, width)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 for a TIFF, which Pillow has rotated."""
    known = 1 if isinstance(image, TiffImageFile) else image.getexif().get(ORIENTATION, 1)
    return known if known in range(1, 9) else 1


def _must_rotate(image: Image.Image, upright: bool, size: Size | None) -> bool:
    """Whether to rotate an image according to its EXIF. Raises DataError where neither way has the `size`."""
    if size is None:
        return upright
    stored, shown = _sizes(image)
    sizes = {True: shown, False: stored} if upright else {False: stored}
    fitting = [rotate for rotate, own in sizes.items() if own == size]
    fitting = fitting or [rotate for rotate, own in sizes.items() if in_proportion(own, size)]
    shown_sizes = f"boxes are for an image of {size[0]}x{size[1]} (height x width), but it is {stored[0]}x{stored[1]}"
    if not fitting:
        rotated = f", rotated by its EXIF {shown[0]}x{shown[1]}" if upright and shown != stored else ""
        raise DataError(f"{shown_sizes}{rotated}")
    if len(fitting) > 1 and (orientation := _orientation(image)) != 1:
        raise DataError(f"{shown_sizes}, and its EXIF rotates it (orientation {orientation}), the boxes perhaps not")
    return fitting[0]


def in_proportion(one: Size, other: Size) -> bool:
    """Whether both are one image scaled to two sizes, up to rounding to whole pixels."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= (sum(one) + sum(other)) / 2


def _claimed(image: Image.Image, data: bytes) -> int:
    """The number of pixels for which a decoder allocates memory: a file's tiles may claim more than the image has."""
    pixels = image.width * image.height
    if isinstance(image, TiffImageFile):
        return max(pixels, int(image.tag_v2.get(TILEWIDTH, 0)) * int(image.tag_v2.get(TILELENGTH, 0)))
    return max(pixels, *_jpeg2000_pixels(data)) if image.format == "JPEG2000" else pixels


def _jpeg2000_pixels(data: bytes) -> Iterator[int]:
    """The same for each codestream of a JPEG 2000, one of which is decoded; yields 0 first."""
    yield 0
    at = data.find(CODESTREAM)
    while 0 <= at <= len(data) - SIZES.size:
        _, _, right, bottom, left, top, across, down, first, above, components = SIZES.unpack_from(data, at)
        tiles = -(-(right - first) // max(across, 1)) * -(-(bottom - above) // max(down, 1))
        yield (right - left) * (bottom - top) + (tiles - 1) * (TILE + COMPONENT * components)
        at = data.find(CODESTREAM, at + 1)


def _check_depth(image: Image.Image) -> None:
    """Raise DataError for greys of 32 bits and for floats, whose white is not defined."""
    if image.mode == "F" or (image.mode == "I" and _surplus_bits(image) is None):
        kind = "floats" if image.mode == "F" else "whole numbers of 32 bits, or with a sign"
        raise DataError(f"its greys are {kind}, whose white is not defined: store them in 8 or 16 bits")


def _scale_transparency(image: ImageFile.ImageFile) -> None:
    """Scale a PNG's transparent value to eight bits, as Pillow scales its pixels only.

    Call it before pixels are read: only then does Pillow know how they are stored. 16-bit colours keep the upper eight.
    """
    clear = image.info.get("transparency")
    stored = image.tile[0][3] if image.format == "PNG" and image.tile else None
    if isinstance(clear, int) and stored in STEPS:
        image.info["transparency"] = clear * STEPS[stored]
    elif isinstance(clear, tuple) and stored == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _to_rgb(image: Image.Image, white: bool) -> Image.Image:
    """Convert to RGB, on white; without `white` a transparent image becomes RGBA.

    Greys of more than eight bits keep the upper ones, as colours of 16 bits do in Pillow.
    """
    if _surplus_bits(image) is not None:
        return _eight_bits(image, white).convert("RGB")
    if image.mode == "La":  # the only conversion that Pillow has for premultiplied greys
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode != "RGBA":
        image = image.convert("RGBA")
    if not white:
        return image
    picture = Image.new("RGB", image.size, "white")
    picture.paste(image, mask=image)
    return picture


def _surplus_bits(image: Image.Image) -> int | None:
    """How many low bits of a grey are dropped; None for greys of eight bits or of unknown range."""
    if image.mode in SIXTEEN and isinstance(image, TiffImageFile):
        return int(image.tag_v2[BITSPERSAMPLE][0]) - 8  # Pillow leaves 12 bits as they are
    wide = image.mode == "I" and image.format in ("PNG", "PPM")  # 16 bits; Pillow scales a PGM of fewer to them
    return 8 if wide or image.mode in SIXTEEN else None


def _eight_bits(image: Image.Image, white: bool) -> Image.Image:
    """Greys of more bits as greys of eight, with a PNG's transparent value as white."""
    values, shift = np.asarray(image), _surplus_bits(image)
    assert shift is not None
    greys = (values >> shift).astype(np.uint8)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        greys = ~greys  # Pillow inverts greys of eight bits only
    if white and (clear := image.info.get("transparency")) is not None:
        greys[values == clear] = 255
    return Image.fromarray(greys)
