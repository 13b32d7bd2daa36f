"""Small files that claim gigabytes by other means than the image's size."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.images.decode import decode_image, read_size
from tests.images.damaged import tiled

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_a_small_tiff_in_a_huge_tile() -> None:
    data = tiled(Image.fromarray(NOISE))
    assert np.array_equal(np.asarray(decode_image(data, "x")), NOISE)
    for tag in (322, 323):  # the width and the length of a tile
        data = data.replace(struct.pack("<HHII", tag, 4, 1, 16), struct.pack("<HHII", tag, 4, 1, 16_000))
    with pytest.raises(DataError, match="x: 60x40 pixels in tiles that take the memory of 256 million are more"):
        decode_image(data, "x")


def jpeg2000(size: int, tile: int, mode: str = "RGB", boxed: bool = False) -> bytes:
    """A square of 16 pixels whose codestream claims another size, in tiles: 140 bytes or so."""
    file = io.BytesIO()
    Image.new(mode, (16, 16)).save(file, "JPEG2000", no_jp2=not boxed)
    data = bytearray(file.getvalue())
    start = data.index(b"\xff\x51") + 2
    struct.pack_into(">II", data, start + 4, size, size)
    struct.pack_into(">II", data, start + 20, tile, tile)
    return bytes(data)


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize(("size", "tile"), [(2040, 8), (16, 16), (4000, 100)])
def test_tiles_of_a_jpeg_2000_are_counted(size: int, tile: int, boxed: bool) -> None:
    """65,000 empty tiles would take 700 MB, as would a codestream larger than its enclosing boxes say."""
    many = jpeg2000(size * 2, tile, boxed=boxed)
    if size == 16:
        assert decode_image(jpeg2000(16, 16, boxed=boxed), "x").size == (16, 16)
    elif size == 2040:
        with pytest.raises(DataError, match="in tiles that take the memory of 160 million are more than 30"):
            decode_image(many, "x")
        with pytest.raises(DataError, match="in tiles that take the memory"):
            read_size(many, "x")
    else:
        with pytest.raises(DataError, match=r"x: (8000x8000|16x16) pixels in tiles that take the memory of 68 million"):
            decode_image(many, "x")


def test_whole_ones_in_usual_tiles_are_read() -> None:
    for side in (16, 32):
        file = io.BytesIO()
        Image.fromarray(NOISE).save(file, "JPEG2000", tile_size=(side, side))
        assert np.array_equal(np.asarray(decode_image(file.getvalue(), "x")), NOISE)
