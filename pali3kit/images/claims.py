"""What a picture's header claims beyond its size: tiles, for which decoders take memory before they see any."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from PIL import Image
from PIL.TiffImagePlugin import TILELENGTH, TILEWIDTH, TiffImageFile

CODESTREAM = b"\xff\x4f\xff\x51"  # JPEG 2000's start, and the marker of its size
FIELDS = struct.Struct(">4xHH8IH")  # length, profile, far and near corner, tile, the first tile's corner, components
TILE, COMPONENT = 400, 50  # pixels whose memory OpenJPEG takes for each further tile, and for a component of one


def claimed(image: Image.Image, data: bytes) -> int:
    """Pixels whose memory will be taken: those of the picture, or more."""
    pixels = image.width * image.height
    if isinstance(image, TiffImageFile):
        return max(pixels, int(image.tag_v2.get(TILEWIDTH, 0)) * int(image.tag_v2.get(TILELENGTH, 0)))
    return max(pixels, *_codestreams(data)) if image.format == "JPEG2000" else pixels


def _codestreams(data: bytes) -> Iterator[int]:
    """The same of every codestream of a JPEG 2000, one of which is decoded; 0 for none."""
    yield 0
    at = data.find(CODESTREAM)
    while 0 <= at <= len(data) - FIELDS.size:
        _, _, right, bottom, left, top, across, down, first, above, components = FIELDS.unpack_from(data, at)
        tiles = -(-(right - first) // max(across, 1)) * -(-(bottom - above) // max(down, 1))
        yield (right - left) * (bottom - top) + (tiles - 1) * (TILE + COMPONENT * components)
        at = data.find(CODESTREAM, at + 1)
