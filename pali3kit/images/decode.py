"""Decoding image files to RGB, safely: a broken, truncated or huge file raises DataError and nothing else."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError
from PIL.Image import Transpose
from PIL.TiffImagePlugin import (
    BITSPERSAMPLE,
    PHOTOMETRIC_INTERPRETATION,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)

from pali3kit.errors import DataError
from pali3kit.storage.paths import read_start
from pali3kit.storage.remote import AnyPath

Image.init()  # registers all formats of this Pillow
# Pillow warns of large and damaged images, for which this module raises errors. Ignored globally, as `catch_warnings`
# is not thread-safe.
warnings.filterwarnings("ignore", module=r"PIL\.")
RASTER = ("AVIF", "BMP", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP")
FORMATS = tuple(name for name in RASTER if name in Image.OPEN)
"""The formats that are decoded. For others Pillow may run a program: Ghostscript for an EPS, whatever its name."""
VERSION = 2
"""To be increased when the same bytes decode to other pixels, so that artifacts made from them are recomputed."""
MAX_PIXELS = 64_000_000  # large photographs have 50 million
MAX_FILE_BYTES = 200_000_000  # bytes, about `MAX_PIXELS` in three uncompressed channels
MAX_DECODING_BYTES = 768_000_000  # of memory while decoding
BYTES_PER_PIXEL = {"JPEG2000": 25, "AVIF": 20, "WEBP": 18}
"""Memory for decoding formats that take much, by speed/fuzz_images.py; of others `MAX_PIXELS` always fit."""
ORIENTATION = 0x0112  # EXIF tag
TURNS = dict(enumerate(
    (Transpose.FLIP_LEFT_RIGHT, Transpose.ROTATE_180, Transpose.FLIP_TOP_BOTTOM, Transpose.TRANSPOSE,
     Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90), 2,
))  # fmt: skip
"""What makes an image upright, by its EXIF orientation."""
ROTATED_SIDEWAYS = (5, 6, 7, 8)  # its values that swap height and width
CODESTREAM = b"\xff\x4f\xff\x51"  # start of a JPEG 2000 codestream, and its size marker
SIZ = struct.Struct(">4xHH8IH")  # length, profile, image (x1, y1, x0, y0), tile (width, height, x0, y0), components
TILE_PIXELS, COMPONENT_PIXELS = 400, 50  # memory of a further tile in OpenJPEG, and of its components, as pixels
GREY16_MODES = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of 16-bit greys
GREY_FACTORS = {"L;2": 85, "L;4": 17}  # factors from greys of two and four bits to eight
WHITE_IS_ZERO = 0  # TIFF's PhotometricInterpretation
Size = tuple[int, int]  # height, width


def decode_image(
    data: bytes, where: str, max_pixels: int = MAX_PIXELS, upright: bool = True, size: Size | None = None
) -> Image.Image:
    """The first image in `data` as RGB, rotated according to its EXIF, with transparency on white.

    Pillow always rotates a TIFF, also without `upright`.

    Args:
        data: a file's bytes, in one of `FORMATS`.
        where: the image's name in errors.
        max_pixels: the limit, which is checked before decoding; lower for formats in `BYTES_PER_PIXEL`.
        upright: False returns the image as it is stored, not rotated, and RGBA if it is transparent, since encoders
            treat transparency differently.
        size: (height, width) of the image that boxes refer to, perhaps scaled. The image is rotated if that gives
            it this size, and not if it is stored in this size.

    Raises:
        DataError: no image, or a truncated or too large one, of another size than `size`, or `_check_depth` fails.
    """
    with _as_data_error(data, where):
        image = _open(data, max_pixels)
        _scale_transparency(image)
        image.load()
        if _must_rotate(image, upright, size):
            ImageOps.exif_transpose(image, in_place=True)
        return _to_rgb(image, white=upright)


def read_size(data: bytes, where: str, upright: bool = True) -> Size:
    """(height, width) of the image that `decode_image` returns, from the header alone. Raises DataError as it does."""
    with _as_data_error(data, where):
        stored, rotated = _stored_and_rotated_size(_open(data, MAX_PIXELS))
        return rotated if upright else stored


def read_header(data: bytes, where: str, size: Size | None = None) -> tuple[str, Size, bool]:
    """Of the image that `decode_image` returns for boxes on an image of `size`: its format, one of `FORMATS`, its
    (height, width), and whether EXIF rotates it. Raises DataError as `decode_image` does.
    """
    with _as_data_error(data, where):
        image = _open(data, MAX_PIXELS)
        rotate = _must_rotate(image, True, size)
        stored, rotated = _stored_and_rotated_size(image)
        return str(image.format), rotated if rotate else stored, rotate and _orientation(image) != 1


def decode_mask(data: bytes, where: str) -> np.ndarray:
    """A bool mask `[H,W]` from a PNG: whether the stored value is above 0, of a colour any channel's.

    Stored are greys, colours or numbers in a palette. Transparent pixels are outside. EXIF does not rotate it.

    Raises:
        DataError: as `decode_image`, or for another format: JPEG does not keep zeros.
    """
    with _as_data_error(data, where):
        image = _open(data, MAX_PIXELS)
        if image.format != "PNG":
            raise DataError(f"a mask should be a PNG, not {image.format}")
        image.load()
        values = np.asarray(image).reshape(image.height, image.width, -1)
        if image.mode in ("LA", "RGBA"):
            values = values[..., :-1] * (values[..., -1:] > 0)
        inside: np.ndarray = values.max(-1) > 0
        return inside


def read_image(path: Path, max_pixels: int = MAX_PIXELS, upright: bool = True) -> Image.Image:
    """`decode_image` for a file."""
    try:
        data = read_bytes(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return decode_image(data, str(path), max_pixels, upright)


def upright_rgb(image: Image.Image, where: str) -> Image.Image:
    """An image that Pillow opened as `decode_image` returns it: RGB, upright, transparency on white.

    Raises DataError, with the name `where`, for one that is broken or whose values have no defined white.
    """
    with _as_data_error(b"", where):
        if isinstance(image, ImageFile.ImageFile):
            _scale_transparency(image)
        image.load()
        _check_depth(image)
        rgb, turn = _to_rgb(image, white=True), TURNS.get(_orientation(image))
        return rgb if turn is None else rgb.transpose(turn)


def read_bytes(path: AnyPath) -> bytes:
    """The bytes of an image file, or the beginning of one that is too large for `decode_image`. Raises OSError."""
    return read_start(path, MAX_FILE_BYTES + 1)


@contextmanager
def _as_data_error(data: bytes, where: str) -> Iterator[None]:
    """Turn any exception into a DataError whose message starts with `where`."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from error.__cause__
    except Image.DecompressionBombError as error:
        raise DataError(f"{where}: {error}") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: not an image in a known format ({len(data)} bytes)") from error
    except Exception as error:  # Pillow raises any of many for damaged files, MemoryError for claimed sizes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{where}: broken image: {reason}") from error


def _open(data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """The image with its header read. Raises DataError for one that needs too much memory, or as `_check_depth`."""
    if len(data) > MAX_FILE_BYTES:
        raise DataError(f"its file is larger than {MAX_FILE_BYTES / 1e6:g} MB")
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    (width, height), pixels = image.size, _allocated_pixels(image, data)
    limit = min(max_pixels, MAX_DECODING_BYTES // BYTES_PER_PIXEL.get(image.format or "", 1))
    if pixels > limit:
        tiles = "" if pixels == width * height else f" in tiles that take the memory of {pixels / 1e6:.0f} million"
        raise DataError(f"{width}x{height} pixels{tiles} are more than {limit / 1e6:g} million")
    _check_depth(image)
    return image


def _stored_and_rotated_size(image: Image.Image) -> tuple[Size, Size]:
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
    stored, rotated = _stored_and_rotated_size(image)
    sizes = {True: rotated, False: stored} if upright else {False: stored}
    fitting = [rotate for rotate, own in sizes.items() if own == size]
    fitting = fitting or [rotate for rotate, own in sizes.items() if in_proportion(own, size)]
    mismatch = f"boxes are for an image of {size[0]}x{size[1]} (height x width), but it is {stored[0]}x{stored[1]}"
    if not fitting:
        also = f", rotated by its EXIF {rotated[0]}x{rotated[1]}" if upright and rotated != stored else ""
        raise DataError(f"{mismatch}{also}")
    if len(fitting) > 1 and (orientation := _orientation(image)) != 1:
        raise DataError(f"{mismatch}, and its EXIF rotates it (orientation {orientation}), the boxes perhaps not")
    return fitting[0]


def in_proportion(one: Size, other: Size) -> bool:
    """Whether both are one image scaled to two sizes, up to rounding to whole pixels."""
    return abs(one[0] * other[1] - one[1] * other[0]) <= (sum(one) + sum(other)) / 2


def _allocated_pixels(image: Image.Image, data: bytes) -> int:
    """The pixels for which a decoder allocates memory. They are more than the image's if its tiles reach beyond it."""
    pixels = image.width * image.height
    if isinstance(image, TiffImageFile):
        return max(pixels, int(image.tag_v2.get(TILEWIDTH, 0)) * int(image.tag_v2.get(TILELENGTH, 0)))
    return max([pixels, *_jpeg2000_pixels(data)]) if image.format == "JPEG2000" else pixels


def _jpeg2000_pixels(data: bytes) -> Iterator[int]:
    """The pixels allocated for each codestream of a JPEG 2000 file. Which of several is decoded is not known."""
    at = data.find(CODESTREAM)
    while 0 <= at <= len(data) - SIZ.size:
        _, _, x1, y1, x0, y0, tile_width, tile_height, tile_x0, tile_y0, components = SIZ.unpack_from(data, at)
        columns, rows = -(-(x1 - tile_x0) // max(tile_width, 1)), -(-(y1 - tile_y0) // max(tile_height, 1))
        yield (x1 - x0) * (y1 - y0) + (columns * rows - 1) * (TILE_PIXELS + COMPONENT_PIXELS * components)
        at = data.find(CODESTREAM, at + 1)


def _check_depth(image: Image.Image) -> None:
    """Raise DataError for greys of 32 bits and for floats: no value of theirs is defined as white."""
    if image.mode == "F" or (image.mode == "I" and _surplus_bits(image) is None):
        kind = "floats" if image.mode == "F" else "32-bit or signed integers"
        raise DataError(f"its greys are {kind}, for which no white is defined: store them in 8 or 16 bits")


def _scale_transparency(image: ImageFile.ImageFile) -> None:
    """Scale a PNG's transparent value to eight bits, as Pillow scales its pixels only.

    Call it before pixels are read: only then does Pillow know how they are stored. 16-bit colours keep the upper eight.
    """
    clear = image.info.get("transparency")
    stored = image.tile[0][3] if image.format == "PNG" and image.tile else None
    if isinstance(clear, int) and stored in GREY_FACTORS:
        image.info["transparency"] = clear * GREY_FACTORS[stored]
    elif isinstance(clear, tuple) and stored == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _to_rgb(image: Image.Image, white: bool) -> Image.Image:
    """Convert to RGB, transparent images on a white background or, without `white`, to RGBA.

    Greys of more than eight bits keep the upper ones, as colours of 16 bits do in Pillow.
    """
    if _surplus_bits(image) is not None:
        return _to_eight_bits(image, white).convert("RGB")
    if image.mode == "La":  # the only conversion that Pillow has for premultiplied greys
        image = image.convert("LA")
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.mode != "RGBA":
        image = image.convert("RGBA")
    if not white:
        return image
    result = Image.new("RGB", image.size, "white")
    result.paste(image, mask=image)
    return result


def _surplus_bits(image: Image.Image) -> int | None:
    """How many low bits of a grey are dropped; None for greys of eight bits or of unknown range."""
    if image.mode in GREY16_MODES and isinstance(image, TiffImageFile):
        return int(image.tag_v2[BITSPERSAMPLE][0]) - 8  # 12 or 16; Pillow does not scale 12 bits up
    wide = image.mode == "I" and image.format in ("PNG", "PPM")  # of 16 bits: Pillow scales up a PGM of fewer
    return 8 if wide or image.mode in GREY16_MODES else None


def _to_eight_bits(image: Image.Image, white: bool) -> Image.Image:
    """Keep the upper eight bits of greys; with `white`, make a PNG's transparent value white."""
    values, shift = np.asarray(image), _surplus_bits(image)
    assert shift is not None
    greys = (values >> shift).astype(np.uint8)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        greys = ~greys  # Pillow inverts greys of eight bits only
    if white and (clear := image.info.get("transparency")) is not None:
        greys[values == clear] = 255
    return Image.fromarray(greys)
