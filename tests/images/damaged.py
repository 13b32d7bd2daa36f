"""Damaged images in all supported formats, by number: a number always gives the same bytes."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 48, 40  # of the whole ones
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0xFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
CLAIMED = (5_000, 8_000, 9_000, 12_000, 20_000, 40_000, 65_535, 1_000_000)  # pixels of a side
SIGNATURE = b"\x89PNG\r\n\x1a\n"
Rng = np.random.Generator


class Damaged(NamedTuple):
    kind: str
    how: str
    data: bytes


def damaged(number: int) -> Damaged:
    """An image of the next format, damaged in one to three ways."""
    rng = np.random.default_rng([number, 15])
    kinds = whole()
    kind = list(kinds)[number % len(kinds)]
    images = kinds[kind]
    data = images[int(rng.integers(len(images)))]
    names = [list(DAMAGES)[int(rng.integers(len(DAMAGES)))] for _ in range(int(rng.choice([1, 1, 1, 2, 3])))]
    for name in names:
        data = DAMAGES[name](data, rng) if data else data
    if data.startswith(SIGNATURE) and rng.random() < 0.7:  # past the check sums, which would stop most of it
        data = summed(data)
    return Damaged(kind, " + ".join(names), data)


@lru_cache(1)
def whole() -> dict[str, list[bytes]]:
    """Some images of each format."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 4), np.uint8)).resize((WIDTH, HEIGHT))
    clear, image = coarse, coarse.convert("RGB")
    grey = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "an image"
    exif.get_ifd(0x8769)[0x9204] = 0.5
    turned = {"exif": exif.tobytes()}
    flat = image.convert("P")
    kinds = {
        "JPEG": [_in(image), _in(image, progressive=True), _in(image.convert("CMYK")), _in(image, **turned)],
        "MPO": [_two(image, "MPO")],
        "PNG": [
            *(_in(one, "PNG") for one in (image, clear, grey, image.convert("1"), clear.convert("LA"))),
            *(_in(image, "PNG", **turned), _in(flat, "PNG", transparency=bytes(range(99))), _two(image, "PNG")),
        ],
        "WEBP": [
            *(_in(image, "WEBP"), _in(clear, "WEBP", lossless=True), _in(clear, "WEBP"), _in(image, "WEBP", **turned)),
            _two(image, "WEBP"),
        ],
        "GIF": [_in(flat, "GIF"), _in(flat, "GIF", transparency=2), _two(image, "GIF")],
        "TIFF": [
            *(_in(image, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg")),
            *(_in(clear, "TIFF"), _in(grey, "TIFF", compression="packbits"), _in(image, "TIFF", **turned)),
            *(_in(flat, "TIFF"), _in(image.convert("CMYK"), "TIFF", compression="tiff_lzw"), _two(image, "TIFF")),
            *(tiled(image), _in(grey, "TIFF")),
        ],
        "BMP": [_in(image, "BMP"), _in(clear, "BMP"), _in(flat, "BMP"), _in(image.convert("1"), "BMP")],
        "PPM": [
            *(_in(image, "PPM"), _in(image.convert("L"), "PPM"), _in(grey, "PPM"), _in(image.convert("1"), "PPM")),
            b"P3 48 40 255\n" + b" ".join(b"%d" % value for value in np.asarray(image).ravel()),
        ],
    }
    if "JPEG2000" in Image.SAVE:
        plain = _in(image, "JPEG2000", no_jp2=True)
        kinds["JPEG2000"] = [plain, *(_in(one, "JPEG2000") for one in (image, clear, grey))]
        kinds["JPEG2000"].append(_in(image, "JPEG2000", tile_size=(16, 16)))
    if "AVIF" in Image.SAVE:
        kinds["AVIF"] = [_in(one, "AVIF", speed=10) for one in (image, clear)]
        kinds["AVIF"] += [_in(image, "AVIF", speed=10, **turned), _two(image, "AVIF", speed=10)]
    return kinds


def _in(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.copy().save(file, kind, **options)  # saving leaves its options in an image
    return file.getvalue()


def _two(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The image, and as a second frame the image rotated by 180 degrees."""
    other = image.transpose(Image.Transpose.ROTATE_180)
    return _in(image, kind, save_all=True, append_images=[other], **options)


def tiled(image: Image.Image, side: int = 16) -> bytes:
    """A TIFF of RGB in tiles, which Pillow does not write."""
    padded = Image.new("RGB", (-(-image.width // side) * side, -(-image.height // side) * side))
    padded.paste(image)
    places = [(x, y) for y in range(0, padded.height, side) for x in range(0, padded.width, side)]
    tiles = [zlib.compress(padded.crop((x, y, x + side, y + side)).tobytes()) for x, y in places]
    starts = [8 + sum(map(len, tiles[:number])) for number in range(len(tiles))]
    lists = 8 + sum(map(len, tiles))  # bits, starts and lengths, and then the tags
    bits, offsets, lengths = lists, lists + 6, lists + 6 + 4 * len(tiles)
    tags = [(256, 4, 1, image.width), (257, 4, 1, image.height), (258, 3, 3, bits), (259, 4, 1, 8), (262, 4, 1, 2)]
    tags += [(277, 4, 1, 3), (322, 4, 1, side), (323, 4, 1, side)]
    tags += [(324, 4, len(tiles), offsets), (325, 4, len(tiles), lengths)]
    known = struct.pack("<3H", 8, 8, 8) + struct.pack(f"<{2 * len(tiles)}I", *starts, *map(len, tiles))
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", lists + len(known)) + b"".join(tiles) + known + directory


def _flipped(data: bytes, rng: Rng) -> bytes:
    """Change some bytes, half of them near the beginning."""
    changed, end = bytearray(data), len(data) if rng.random() < 0.5 else min(len(data), 200)
    for at in rng.integers(0, end, int(rng.integers(1, 17))):
        changed[at] = int(rng.integers(256))
    return bytes(changed)


def _cut(data: bytes, rng: Rng) -> bytes:
    return data[: int(rng.integers(len(data)))]


def _part(data: bytes, rng: Rng) -> slice:
    """Up to 300 bytes somewhere."""
    start = int(rng.integers(len(data)))
    return slice(start, start + int(rng.integers(1, 300)))


def _lost(data: bytes, rng: Rng) -> bytes:
    part = _part(data, rng)
    return data[: part.start] + data[part.stop :]


def _twice(data: bytes, rng: Rng) -> bytes:
    part = _part(data, rng)
    return data[: part.stop] + data[part] * int(rng.integers(1, 20)) + data[part.stop :]


def _moved(data: bytes, rng: Rng) -> bytes:
    part, to = _part(data, rng), int(rng.integers(len(data)))
    rest = data[: part.start] + data[part.stop :]
    return rest[:to] + data[part] + rest[to:]


def _run(data: bytes, rng: Rng) -> bytes:
    """Fill a part with one byte."""
    part = _part(data, rng)
    return data[: part.start] + bytes([int(rng.choice([0, 255, 127]))]) * len(data[part]) + data[part.stop :]


def _field(data: bytes, rng: Rng) -> bytes:
    """Set a number of the header to an extreme."""
    form = str(rng.choice([">I", "<I", ">H", "<H", "B"]))
    length = struct.calcsize(form)
    at = int(rng.integers(max(1, min(len(data) - length, 400))))
    value = int(rng.choice(EXTREMES)) % 256**length
    return data[:at] + struct.pack(form, value) + data[at + length :]


def _claim(data: bytes, rng: Rng) -> bytes:
    """Replace every occurrence of the width or the height with a large number."""
    for form in (">I", "<I", ">H", "<H"):
        for side in (WIDTH, HEIGHT):
            most = 256 ** struct.calcsize(form) - 1
            large = struct.pack(form, min(int(rng.choice(CLAIMED)), most))
            data = data.replace(struct.pack(form, side), large, int(rng.integers(0, 3)))
    return data.replace(b"48 40", b"%d %d" % (int(rng.choice(CLAIMED)), int(rng.choice(CLAIMED))))


def _spliced(data: bytes, rng: Rng) -> bytes:
    """Replace the end with that of another image."""
    others = [image for images in whole().values() for image in images]
    other = others[int(rng.integers(len(others)))]
    return data[: int(rng.integers(len(data)))] + other[int(rng.integers(len(other))) :]


DAMAGES: dict[str, Callable[[bytes, Rng], bytes]] = {
    "bytes": _flipped,
    "cut off": _cut,
    "a part lost": _lost,
    "a part repeated": _twice,
    "a part moved": _moved,
    "a part overwritten": _run,
    "a number of the header": _field,
    "its size": _claim,
    "spliced": _spliced,
}


def summed(data: bytes) -> bytes:
    """A PNG with the right check sum for each chunk, as far as these can be told apart."""
    return SIGNATURE + b"".join(_chunks(data))


def _chunks(data: bytes) -> Iterator[bytes]:
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if at + 12 + length > len(data):
            break
        content = data[at + 4 : at + 8 + length]
        yield data[at : at + 4] + content + struct.pack(">I", zlib.crc32(content))
        at += 12 + length
    yield data[at:]
