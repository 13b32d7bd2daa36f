"""Depths and colour spaces become RGB of eight bits, or raise an error."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.images.decode import _to_rgb, decode_image, read_size

RAMP = np.tile(np.linspace(0, 65535, 256).astype(np.uint16), (4, 1))  # 16 bits; its upper eight are 0 to 255
EIGHT = (RAMP >> 8).astype(np.uint8)
COLOURS = np.repeat(RAMP[..., None], 3, axis=-1)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def greys(data: bytes, upright: bool = True) -> NDArray[np.uint8]:
    """A channel of an image without colours."""
    image = np.asarray(decode_image(data, "x", upright=upright))
    assert (image == image[..., :1]).all()
    return image[..., 0]


def tiff(values: np.ndarray, order: str = "II", bits: int = 0, photometric: int = 1, form: int = 1) -> bytes:
    """An uncompressed TIFF, whose bytes are those of `values`, of one channel or of three."""
    mark, (height, width) = {"II": "<", "MM": ">"}[order], values.shape[:2]
    channels = 1 if values.ndim == 2 else values.shape[2]
    bits = bits or values.itemsize * 8
    raw = values.astype(values.dtype.newbyteorder(mark)).tobytes()
    if bits == 12:
        pairs = values.reshape(height, -1, 2).astype(np.uint32)
        both = (pairs[..., 0] << 12 | pairs[..., 1])[..., None] >> np.array([16, 8, 0])
        raw = both.astype(np.uint8).tobytes()
    known = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0, 277: channels, 278: height}
    known |= {279: len(raw), 339: form}
    start = 8 + 2 + 12 * len(known) + 4
    three = struct.pack(f"{mark}3H", bits, bits, bits)
    known[273] = start + len(three)
    entries = b""
    for tag, value in sorted(known.items()):
        if tag == 258 and channels == 3:
            entries += struct.pack(f"{mark}HHII", tag, 3, 3, start)
        else:
            entries += struct.pack(f"{mark}HHII", tag, 4, 1, value)
    header = order.encode() + struct.pack(f"{mark}HI", 42, 8)
    return header + struct.pack(f"{mark}H", len(known)) + entries + bytes(4) + three + raw


def png(values: np.ndarray, colour: int, clear: bytes = b"") -> bytes:
    """A PNG of 16 bits; `clear` is the value that is transparent."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    known = chunk(b"tRNS", clear) if clear else b""
    return b"\x89PNG\r\n\x1a\n" + header + known + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


SIXTEEN = {
    "PNG": encoded(Image.fromarray(RAMP), "PNG"),
    "TIFF": encoded(Image.fromarray(RAMP), "TIFF"),
    "TIFF, little endian": tiff(RAMP),
    "TIFF, big endian": tiff(RAMP, "MM"),
    "TIFF of 12 bits": tiff(RAMP >> 4, bits=12),
    "JPEG 2000": encoded(Image.fromarray(RAMP), "JPEG2000"),
    "PGM": b"P5 256 4 65535\n" + RAMP.astype(">u2").tobytes(),
    "plain PGM": b"P2 256 4 65535\n" + b" ".join(b"%d" % value for value in RAMP.ravel()),
    "PNG in colours": png(COLOURS, 2),
    "TIFF in colours": tiff(COLOURS, photometric=2),
    "TIFF in colours, big endian": tiff(COLOURS, "MM", photometric=2),
    "PPM": b"P6 256 4 65535\n" + COLOURS.astype(">u2").tobytes(),
}


@pytest.mark.parametrize("upright", [True, False])
@pytest.mark.parametrize("name", SIXTEEN)
def test_of_16_bits_the_upper_eight_are_kept(name: str, upright: bool) -> None:
    np.testing.assert_array_equal(greys(SIXTEEN[name], upright), EIGHT)


def test_a_pgm_of_fewer_bits_has_its_own_white() -> None:
    np.testing.assert_allclose(greys(b"P5 256 4 1023\n" + (RAMP >> 6).astype(">u2").tobytes()), EIGHT, atol=1)


@pytest.mark.parametrize("values", [RAMP, EIGHT], ids=["16 bits", "8 bits"])
def test_a_tiff_may_say_that_white_is_zero(values: np.ndarray) -> None:
    np.testing.assert_array_equal(greys(tiff(values, photometric=0)), 255 - EIGHT)


NOBODY_KNOWS = {
    "floats": tiff((RAMP / 65535).astype(np.float32), form=3),
    "PFM": b"Pf 256 4 -1.0\n" + (RAMP / 65535).astype("<f4").tobytes(),
    "32 bits": tiff(RAMP.astype(np.uint32)),
    "with a sign": tiff(RAMP.astype(np.int16), form=2),
}


@pytest.mark.parametrize("look", [decode_image, read_size])
@pytest.mark.parametrize("name", NOBODY_KNOWS)
def test_where_nobody_knows_what_is_white_is_an_error(name: str, look: Any) -> None:
    kind = "floats" if name in ("floats", "PFM") else "32-bit or signed integers"
    with pytest.raises(DataError, match=f"^a.tif: its greys are {kind}, for which no white is defined: store"):
        look(NOBODY_KNOWS[name], "a.tif")


def test_transparency_of_16_bits() -> None:
    grey = greys(png(RAMP, 0, clear=struct.pack(">H", 0)))
    assert (grey[:, 0] == 255).all() and (grey[:, 1:] == EIGHT[:, 1:]).all()
    assert (greys(png(RAMP, 0, clear=struct.pack(">H", 0)), upright=False) == EIGHT).all()
    both = greys(png(np.stack([RAMP, np.full_like(RAMP, 0x8000)], -1), 4))
    np.testing.assert_allclose(both, 255 - (255 - EIGHT.astype(int)) * 128 / 255, atol=1)


def test_what_is_half_transparent_is_half_white_in_every_mode() -> None:
    """Equals compositing on white pixel by pixel."""
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (30, 20, 4), np.uint8))
    for photo in (image, image.convert("LA")):
        alpha = np.asarray(photo.getchannel("A"))[..., None] / 255
        expected = np.asarray(photo.convert("RGBA"))[..., :3] * alpha + 255 * (1 - alpha)
        np.testing.assert_allclose(np.asarray(decode_image(encoded(photo, "PNG"), "x")), expected, atol=1)


def test_a_palette_may_be_transparent() -> None:
    image = Image.fromarray(EIGHT).convert("P")
    known = np.asarray(image.convert("RGB"))
    data = encoded(image, "PNG", transparency=bytes([0, 255] * 128))
    clear = np.asarray(image) % 2 == 0
    found = np.asarray(decode_image(data, "x"))
    assert (found[clear] == 255).all() and (found[~clear] == known[~clear]).all()
    kept = np.asarray(decode_image(data, "x", upright=False))
    assert (kept[..., :3] == known).all() and (kept[..., 3] == np.where(clear, 0, 255)).all()


def test_inks() -> None:
    """Adobe inverts the inks of CMYK JPEGs, and Pillow inverts them back."""
    inks = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    for kind in ("JPEG", "TIFF"):
        red, green, blue = decode_image(encoded(inks, kind), "x").getpixel((4, 4))
        assert red < 5 and green > 250 and blue > 250


def test_premultiplied_greys() -> None:
    """A TIFF may have them, and Pillow converts them to nothing but greys that are not."""
    half = Image.new("LA", (2, 2), (200, 128)).convert("La")
    for white, mode, expected in ((True, "RGB", 227), (False, "RGBA", 200)):
        found = _to_rgb(half, white)
        assert found.mode == mode and abs(found.getpixel((0, 0))[0] - expected) <= 1


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF", "MPO"])
def test_of_several_images_it_is_the_first(kind: str) -> None:
    first, second = Image.new("RGB", (8, 8), (200, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 200))
    red, _, blue = decode_image(encoded(first, kind, save_all=True, append_images=[second]), "x").getpixel((4, 4))
    assert red > 150 and blue < 50


DEEP = np.repeat(np.array([0x102, 0x202, 0x3000], ">u2"), 3).tobytes()  # three greys in colours of 16 bits


def packed_png(bits: int, colour: int, row: bytes, width: int, clear: bytes) -> bytes:
    """A PNG of one row, whose pixels are stored in `bits` bits a channel."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, 1, bits, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"tRNS", clear), (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*of) for of in chunks)


@pytest.mark.parametrize(
    ("data", "right"),
    [
        (packed_png(1, 0, b"\x0f", 8, b"\0\0"), [255] * 8),  # black is transparent, on white
        (packed_png(2, 0, b"\x1b", 4, b"\0\1"), [0, 255, 170, 255]),
        (packed_png(4, 0, b"\x12\x30", 3, b"\0\2"), [17, 255, 51]),
        (packed_png(8, 0, b"\1\2\3", 3, b"\0\2"), [1, 255, 3]),
        (packed_png(16, 2, DEEP, 3, DEEP[:6]), [255, 2, 48]),
    ],
)  # fmt: skip
def test_what_a_png_of_few_or_many_bits_says_is_transparent(data: bytes, right: list[int]) -> None:
    assert greys(data)[0].tolist() == right
