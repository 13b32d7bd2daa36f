"""Pictures that are broken, huge, turned or transparent."""

from __future__ import annotations

import contextlib
import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

import pali3kit
from pali3kit.errors import DataError
from pali3kit.images.decode import FORMATS, decode, read, read_size

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF"])
def test_lossless_formats(kind: str) -> None:
    data = encoded(Image.fromarray(NOISE), kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(np.asarray(decode(data, "x")), NOISE)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    image = Image.new(mode, (4, 3)) if mode == "I;16" else Image.fromarray(NOISE).convert(mode)
    assert decode(encoded(image, kind), "x").mode == "RGB"


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) print\n%%EOF\n"


@pytest.mark.parametrize("look", [decode, read_size])
def test_postscript_reaches_no_interpreter(
    look: Callable[[bytes, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever its name: Pillow would start Ghostscript with it."""
    started: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *arguments, **options: started.append(arguments))
    with pytest.raises(DataError, match=r"^x\.jpg: "):
        look(POSTSCRIPT, "x.jpg")
    assert not started


def test_formats_are_those_of_data_sets() -> None:
    assert {"JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"} <= set(FORMATS)
    assert not {"EPS", "PDF", "WMF", "PCD", "HDF5", "GRIB"} & set(FORMATS)


def test_no_module_opens_pictures_in_any_format() -> None:
    """`Image.open` without `formats` is the way to Ghostscript."""
    package = Path(pali3kit.__file__).parent
    calls = [call for file in package.rglob("*.py") for call in re.findall(r"Image\.open\(.*", file.read_text("utf-8"))]
    assert calls
    assert all("formats=" in call for call in calls)


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert decode(encoded(clear), "x").getpixel((0, 0)) == (255, 255, 255)


def test_exif_turns_the_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    data = encoded(Image.fromarray(NOISE), "JPEG", exif=exif)
    assert decode(data, "x").size == (40, 60)


@pytest.mark.parametrize("size", [(20_000, 15_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"x\.png: .*(pixels are more than 100 million|exceeds limit)"):
        decode(bomb(*size), "x.png")


def test_what_is_cut_off_or_no_picture() -> None:
    whole = encoded(Image.fromarray(NOISE), "JPEG")
    with pytest.raises(DataError, match=r"a.jpg: broken picture: "):
        decode(whole[: len(whole) // 2], "a.jpg")
    with pytest.raises(DataError, match=r"b.jpg: not a picture in a known format \(5 bytes\)"):
        decode(b"hello", "b.jpg")
    with pytest.raises(DataError, match=r"c.jpg: not a picture in a known format \(0 bytes\)"):
        decode(b"", "c.jpg")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.png: No such file or directory"):
        read(tmp_path / "nowhere.png")
    (tmp_path / "here.png").write_bytes(encoded(Image.fromarray(NOISE)))
    assert read(tmp_path / "here.png").size == (60, 40)


@settings(deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]),
    at=st.floats(0, 1, exclude_max=True),
    value=st.binary(min_size=1, max_size=8),
)
def test_damage_anywhere_is_a_picture_or_a_data_error(kind: str, at: float, value: bytes) -> None:
    data = bytearray(encoded(Image.fromarray(NOISE), kind))
    start = int(at * len(data))
    data[start : start + len(value)] = value
    with contextlib.suppress(DataError):
        assert decode(bytes(data), "x", most_pixels=1_000_000).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_the_header_is_that_of_what_is_decoded(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(NOISE), "JPEG", exif=exif)
    width, height = decode(data, "x").size
    assert read_size(data, "x") == (height, width) == ((60, 40) if orientation > 4 else (40, 60))


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n"])
def test_what_has_no_header_has_no_size(data: bytes) -> None:
    with pytest.raises(DataError, match=r"a\.png: no size can be read from it"):
        read_size(data, "a.png")
