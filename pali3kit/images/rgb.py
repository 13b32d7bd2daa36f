"""Pictures of any depth and colour space to RGB of eight bits a channel."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from pali3kit.errors import DataError

SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")  # Pillow's modes of greys of 16 bits
STEPS = {"L;2": 85, "L;4": 17}  # by which greys of two and four bits become those of eight
WHITE_IS_ZERO = 0  # what a TIFF may say


def check_depth(image: Image.Image) -> None:
    """Raises DataError for greys of 32 bits and for floats: nobody can know which of their values is white."""
    if image.mode == "F" or (image.mode == "I" and _shift(image) is None):
        kind = "floats" if image.mode == "F" else "whole numbers of 32 bits, or with a sign"
        raise DataError(f"its greys are {kind}, of which nothing says what is white: store them in 8 or 16 bits")


def scale_clear(image: ImageFile.ImageFile) -> None:
    """What a PNG says is transparent, in the values that its pixels will have: Pillow makes eight bits of these alone.

    To be called before pixels are read, which is when Pillow knows how they are stored. Of colours of 16 bits it keeps
    the upper ones.
    """
    clear = image.info.get("transparency")
    stored = image.tile[0][3] if image.format == "PNG" and image.tile else None
    if isinstance(clear, int) and stored in STEPS:
        image.info["transparency"] = clear * STEPS[stored]
    elif isinstance(clear, tuple) and stored == "RGB;16B":
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def to_rgb(image: Image.Image, white: bool) -> Image.Image:
    """RGB. Greys of more than eight bits lose the lower ones, as Pillow's colours of 16 bits do.

    What is transparent lies on white; unless `white`, it stays so, and the picture is RGBA.
    """
    if _shift(image) is not None:
        return _eight_bits(image, white).convert("RGB")
    if image.mode == "La":  # of premultiplied greys Pillow makes nothing else
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


def _shift(image: Image.Image) -> int | None:
    """How many of the bits of a grey go; None for what has eight, and where nobody knows."""
    if image.mode in SIXTEEN and isinstance(image, TiffImageFile):
        return int(image.tag_v2[BITSPERSAMPLE][0]) - 8  # Pillow leaves 12 bits as they are
    wide = image.mode == "I" and image.format in ("PNG", "PPM")  # 16 bits; Pillow scales a PGM of fewer to them
    return 8 if wide or image.mode in SIXTEEN else None


def _eight_bits(image: Image.Image, white: bool) -> Image.Image:
    """Greys of more bits as greys of eight, and those that a PNG says are transparent as white."""
    values, shift = np.asarray(image), _shift(image)
    assert shift is not None
    greys = (values >> shift).astype(np.uint8)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == WHITE_IS_ZERO:
        greys = ~greys  # which Pillow does for eight bits alone
    if white and (clear := image.info.get("transparency")) is not None:
        greys[values == clear] = 255
    return Image.fromarray(greys)
