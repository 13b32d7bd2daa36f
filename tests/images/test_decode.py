"""Images that are broken, huge, rotated or transparent."""

from __future__ import annotations

import contextlib
import io
import os
import re
import struct
import subprocess
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import EpsImagePlugin, Image

import pali3kit
from pali3kit.data.folder import FolderSource
from pali3kit.data.sets.folders import Folders
from pali3kit.errors import DataError
from pali3kit.images.decode import (
    BYTES_PER_PIXEL,
    FORMATS,
    decode_image,
    decode_mask,
    read_header,
    read_image,
    read_size,
)

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
    assert np.array_equal(np.asarray(decode_image(data, "x")), NOISE)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    kind = "TIFF" if mode in ("CMYK", "I;16") else "PNG"
    image = Image.new(mode, (4, 3)) if mode == "I;16" else Image.fromarray(NOISE).convert(mode)
    assert decode_image(encoded(image, kind), "x").mode == "RGB"


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) print\n%%EOF\n"


@pytest.mark.parametrize("look", [decode_image, read_size])
def test_postscript_reaches_no_interpreter(
    look: Callable[[bytes, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow would run Ghostscript on it, whatever the file's name."""
    started: list[object] = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *arguments, **options: started.append(arguments))
    with pytest.raises(DataError, match=r"^x\.jpg: "):
        look(POSTSCRIPT, "x.jpg")
    assert not started


def test_formats_are_those_of_data_sets() -> None:
    assert {"JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"} <= set(FORMATS)
    assert not {"EPS", "PDF", "WMF", "PCD", "HDF5", "GRIB"} & set(FORMATS)


def test_no_module_opens_images_in_any_format() -> None:
    """`Image.open` without `formats` may run Ghostscript."""
    package = Path(pali3kit.__file__).parent
    files = [*package.rglob("*.py"), *(package.parent / "speed").glob("*.py")]
    calls = [call for file in files for call in re.findall(r"Image\.open\(.*", file.read_text("utf-8"))]
    assert calls
    assert all("formats=" in call for call in calls)


def test_what_is_transparent_is_white() -> None:
    clear = Image.new("RGBA", (2, 2), (10, 20, 30, 0))
    assert decode_image(encoded(clear), "x").getpixel((0, 0)) == (255, 255, 255)


def test_exif_turns_the_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    data = encoded(Image.fromarray(NOISE), "JPEG", exif=exif)
    assert decode_image(data, "x").size == (40, 60)


@pytest.mark.parametrize("size", [(20_000, 15_000), (60_000, 60_000)])
def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"x\.png: .*(pixels are more than 64 million|exceeds limit)"):
        decode_image(bomb(*size), "x.png")


def test_what_is_cut_off_or_no_image() -> None:
    whole = encoded(Image.fromarray(NOISE), "JPEG")
    with pytest.raises(DataError, match=r"a.jpg: broken image: "):
        decode_image(whole[: len(whole) // 2], "a.jpg")
    with pytest.raises(DataError, match=r"b.jpg: not an image in a known format \(5 bytes\)"):
        decode_image(b"hello", "b.jpg")
    with pytest.raises(DataError, match=r"c.jpg: not an image in a known format \(0 bytes\)"):
        decode_image(b"", "c.jpg")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere.png: No such file or directory"):
        read_image(tmp_path / "nowhere.png")
    (tmp_path / "here.png").write_bytes(encoded(Image.fromarray(NOISE)))
    assert read_image(tmp_path / "here.png").size == (60, 40)


@settings(deadline=None, max_examples=150)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"]),
    at=st.floats(0, 1, exclude_max=True),
    value=st.binary(min_size=1, max_size=8),
)
def test_damage_anywhere_is_a_image_or_a_data_error(kind: str, at: float, value: bytes) -> None:
    data = bytearray(encoded(Image.fromarray(NOISE), kind))
    start = int(at * len(data))
    data[start : start + len(value)] = value
    with contextlib.suppress(DataError):
        assert decode_image(bytes(data), "x", max_pixels=1_000_000).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_of_the_header_is_that_of_what_is_decoded(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(NOISE), "JPEG", exif=exif)
    width, height = decode_image(data, "x").size
    assert read_size(data, "x") == (height, width) == ((60, 40) if orientation > 4 else (40, 60))


@pytest.mark.parametrize("data", [b"", b"no image", b"\x89PNG\r\n\x1a\n"])
def test_what_has_no_header_has_no_size(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^a\.png: (not an image in a known format|broken image)"):
        read_size(data, "a.png")


@pytest.mark.parametrize("kind", FORMATS)
def test_the_size_is_that_of_what_is_decoded_in_every_format(kind: str) -> None:
    """Pillow rotates a TIFF while reading it, and reports the rotated size."""
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(NOISE), kind, **({} if kind in ("BMP", "GIF", "PPM") else {"exif": exif}))
    for upright in (True, False):
        width, height = decode_image(data, "x", upright=upright).size
        assert read_size(data, "x", upright) == (height, width)


def turned(orientation: int, size: tuple[int, int] = (40, 60)) -> bytes:
    """A JPEG with an EXIF orientation, white at its stored top left."""
    pixels = np.zeros((*size, 3), np.uint8)
    pixels[: size[0] // 2, : size[1] // 2] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(Image.fromarray(pixels), "JPEG", exif=exif)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_the_size_of_what_was_drawn_on_tells_whether_to_turn(orientation: int) -> None:
    data = turned(orientation)
    assert decode_image(data, "x", size=(40, 60)).size == (60, 40)  # as it is stored
    assert np.asarray(decode_image(data, "x", size=(40, 60)))[5, 5].min() > 250
    assert decode_image(data, "x", size=(60, 40)).size == (40, 60)  # as it is shown
    for larger in (1, 2, 7):  # boxes of larger images, or of smaller ones
        assert decode_image(data, "x", size=(40 * larger, 60 * larger)).size == (60, 40)
        assert decode_image(data, "x", size=(60 // larger, 40 // larger)).size == (40, 60)
    assert decode_image(turned(orientation, (500, 501)), "x", size=(500, 501)).size == (501, 500)  # nearly a square


def test_of_a_image_that_is_not_turned_the_size_tells_nothing_new() -> None:
    for data in (encoded(Image.fromarray(NOISE), "JPEG"), turned(1)):
        assert decode_image(data, "x", size=(40, 60)).size == decode_image(data, "x", size=(20, 30)).size == (60, 40)


def test_a_size_that_the_image_does_not_have() -> None:
    with pytest.raises(DataError, match=r"^a: boxes are for an image of 60x40 \(height x width\), but it is 40x60$"):
        decode_image(encoded(Image.fromarray(NOISE)), "a", size=(60, 40))
    with pytest.raises(DataError, match=r"^a: .* of 50x60 .*, but it is 40x60, rotated by its EXIF 60x40$"):
        decode_image(turned(6), "a", size=(50, 60))
    with pytest.raises(DataError, match=r"^a: .* of 60x40 .*, but it is 40x60$"):
        decode_image(turned(6), "a", size=(60, 40), upright=False)


@pytest.mark.parametrize("data", [*(turned(orientation) for orientation in (2, 3, 4)), turned(6, (40, 40))])
def test_where_no_size_tells_whether_boxes_are_turned_too(data: bytes) -> None:
    size = read_size(data, "a")
    with pytest.raises(DataError, match=r"^a: .*its EXIF rotates it \(orientation [2346]\), the boxes perhaps not"):
        decode_image(data, "a", size=size)
    assert (
        decode_image(data, "a", size=size, upright=False).size == size[::-1]
    )  # who says that they are not needs no size


def exif_with(tag: int, kind: int, value: bytes) -> bytes:
    """Orientation 6, in EXIF data that no camera would write."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHI", tag, kind, 1) + value
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + struct.pack("<Iii", 0, -1, 0)


@pytest.mark.parametrize(("kind", "value"), [(7, b"\xff" * 4), (9, b"\xff" * 4), (11, b"\0\0\x80?")])
def test_exif_that_pillow_stumbles_over_is_a_data_error(kind: int, value: bytes) -> None:
    data = encoded(Image.fromarray(NOISE), "JPEG", exif=exif_with(0x0100, kind, value))
    with pytest.raises(DataError, match=r"^a\.jpg: broken image: "):
        decode_image(data, "a.jpg")
    assert decode_image(data, "a.jpg", upright=False).size == read_size(data, "a.jpg") == (60, 40)


RAISED = [
    *(struct.error("x"), AttributeError("x"), AssertionError(), ZeroDivisionError("x"), RecursionError("x")),
    *(MemoryError(), OverflowError("x"), zlib.error("x"), RuntimeError("two\nlines")),
    Image.DecompressionBombError("x"),
]


@pytest.mark.parametrize("error", RAISED, ids=repr)
@pytest.mark.parametrize("look", [decode_image, read_size, partial(decode_image, upright=False)])
def test_whatever_a_plug_in_raises_is_a_data_error(
    look: Callable[[bytes, str], object], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(DataError, match=r"^a\.jpg: [^\n]+$"):
        look(b"", "a.jpg")


def test_who_stops_the_program_is_no_broken_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Image, "open", stop)
    with pytest.raises(KeyboardInterrupt):
        decode_image(b"", "x")


@pytest.mark.parametrize(("kind", "options"), [("JPEG2000", {}), ("AVIF", {}), ("WEBP", {})])
def test_formats_that_take_more_memory_may_have_fewer_pixels(
    kind: str, options: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encoded(Image.fromarray(NOISE), kind, **options)
    monkeypatch.setattr("pali3kit.images.decode.MAX_DECODING_BYTES", 60 * 40 * BYTES_PER_PIXEL[kind])
    assert decode_image(data, "x").size == (60, 40)
    monkeypatch.setattr("pali3kit.images.decode.MAX_DECODING_BYTES", 60 * 40 * BYTES_PER_PIXEL[kind] - 1)
    with pytest.raises(DataError, match=r"x: 60x40 pixels are more than 0\.002399 million"):
        decode_image(data, "x")


def test_a_file_of_any_size_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "x.png").open("wb") as file:
        file.truncate(10**13)  # of nothing
    with pytest.raises(DataError, match=r"x\.png: its file is larger than 200 MB"):
        read_image(tmp_path / "x.png")


def test_no_image_of_a_source_or_a_set_starts_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ghostscript would be a child process."""

    def start(*_: object, **__: object) -> None:
        raise KeyboardInterrupt("a process would have been started")

    for module, name in ((subprocess, "Popen"), (os, "system"), (os, "posix_spawn"), (os, "fork")):
        monkeypatch.setattr(module, name, start)
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "x.jpg").write_bytes(POSTSCRIPT)
    looks: list[Callable[[], object]] = [
        lambda: FolderSource(str(tmp_path / "train")).image("train", 0),
        lambda: Folders(str(tmp_path)).image("train", 0),
        lambda: read_image(tmp_path / "train" / "a" / "x.jpg"),
    ]
    for look in looks:
        with pytest.raises(DataError, match=r"x\.jpg: not an image in a known format"):
            look()


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGB", "RGBA", "I;16"])
def test_a_mask_is_what_a_png_stores_above_zero(mode: str) -> None:
    """The smallest values count: number 1 of a palette whose colour is black, 1 of 65535, a blue of 1."""
    expected = np.array([[False, True, False], [True, False, False]])
    if mode in ("LA", "RGB", "RGBA"):
        values = np.zeros((2, 3, len(mode)), np.uint8)
        values[expected, 2 if mode != "LA" else 0] = 1
        if mode != "RGB":
            values[..., -1] = 255
            values[0, 0] = 255  # white,
            values[0, 0, -1] = 0  # but transparent
        mask = Image.fromarray(values, mode)
    else:
        mask = Image.fromarray(expected.astype(np.uint16 if mode == "I;16" else np.uint8) * (255 if mode == "1" else 1))
        mask = mask.convert(mode) if mode == "1" else mask
    if mode == "P":
        mask.putpalette([0, 0, 0, 0, 0, 0])
    assert mask.mode == mode
    np.testing.assert_array_equal(decode_mask(encoded(mask), "x"), expected)


def test_the_header_tells_format_size_and_rotation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(Image.new("RGB", (8, 6)), "JPEG", exif=exif)
    assert read_header(turned, "x") == ("JPEG", (8, 6), True)
    assert read_header(turned, "x", size=(6, 8)) == ("JPEG", (6, 8), False)
    assert read_header(encoded(Image.new("L", (8, 6)), "WEBP"), "x") == ("WEBP", (6, 8), False)
    with pytest.raises(DataError, match="x: boxes are for an image of 9x9"):
        read_header(turned, "x", size=(9, 9))


def test_masks_are_png_files() -> None:
    with pytest.raises(DataError, match="x: a mask should be a PNG, not WEBP"):
        decode_mask(encoded(Image.new("L", (2, 2)), "WEBP"), "x")
    with pytest.raises(DataError, match=r"x: .*pixel"):
        decode_mask(bomb(20000, 20000), "x")
