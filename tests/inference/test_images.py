"""Images of the user's become the same pixels, whatever they are given as."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pali3kit.errors import DataError
from pali3kit.images.decode import read_image
from pali3kit.images.spec import ImageSpec
from pali3kit.inference.images import UserImage, as_list, is_single

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
CHOICES = "give a PIL image, a path, an array uint8 [H,W,3], or a tensor [3,H,W], uint8 or float in 0..1"


def test_all_inputs_are_the_same_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.fromarray(PIXELS).save(file)
    tensor = torch.from_numpy(PIXELS).permute(2, 0, 1)
    inputs = [PIXELS, file, str(file), Image.open(file), Image.fromarray(PIXELS), tensor, tensor / 255]
    inputs += [(tensor / 255).double(), PIXELS[:, ::-1][:, ::-1]]
    for each in inputs:
        assert np.array_equal(UserImage(each, "image").pixels(), PIXELS)
        assert np.array_equal(UserImage(each, "image").fitted(ImageSpec(4)), ImageSpec(4).fitted(PIXELS))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_opened_images_are_as_files_are(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / "a"
    Image.fromarray(PIXELS).save(file, kind, exif=exif)
    wanted = np.asarray(read_image(file))
    assert wanted.shape == ((8, 6, 3) if orientation > 4 else (6, 8, 3))
    assert np.array_equal(UserImage(Image.open(file), "image").pixels(), wanted)
    loaded = Image.open(file)
    loaded.load()
    assert np.array_equal(UserImage(loaded, "image").pixels(), wanted)
    assert np.array_equal(UserImage(loaded, "image").pixels(), wanted)  # it was not changed


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
def test_opened_images_of_all_modes_are_as_files_are(tmp_path: Path, mode: str) -> None:
    file = tmp_path / "a.tiff" if mode == "CMYK" else tmp_path / "a.png"
    image = Image.fromarray(PIXELS)
    image = Image.fromarray(PIXELS[..., 0].astype(np.uint16) * 257) if mode == "I;16" else image.convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.fromarray(PIXELS[..., 0]))
    image.save(file, **({"transparency": 3} if mode == "P" else {}))
    wanted = np.asarray(read_image(file))
    assert np.array_equal(UserImage(Image.open(file), "image").pixels(), wanted)


def truncated() -> Image.Image:
    data = io.BytesIO()
    Image.fromarray(PIXELS.repeat(50, 0)).save(data, "JPEG")
    return Image.open(io.BytesIO(data.getvalue()[:-30]))


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (3, f"images[1]: cannot read an image from int: {CHOICES}."),
        (None, f"images[1]: cannot read an image from NoneType: {CHOICES}."),
        (PIXELS.astype(float), f"images[1]: this is an array float64 [6, 8, 3]: {CHOICES}."),
        (PIXELS[..., 0], f"images[1]: this is an array uint8 [6, 8]: {CHOICES}."),
        (torch.zeros(6, 8, 3), f"images[1]: this is a tensor float32 [6, 8, 3]: {CHOICES}."),
        (torch.zeros(3, 6, 8).long(), f"images[1]: this is a tensor int64 [3, 6, 8]: {CHOICES}."),
        (torch.full((3, 6, 8), 2.0), "images[1]: values of a float tensor should be in 0..1"),
        (torch.full((3, 6, 8), torch.nan), "images[1]: values of a float tensor should be in 0..1"),
        (np.zeros((0, 8, 3), np.uint8), "images[1]: it has no pixels: [0, 8, 3]"),
        ("no/such.png", "images[1]: no/such.png: No such file or directory"),
        ("a\0b", "images[1]: "),
        (Image.new("F", (2, 2)), "images[1]: its greys are floats"),
        (truncated(), "images[1]: broken image: "),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named(image: object, told: str) -> None:
    with pytest.raises(DataError) as refused:
        UserImage(image, "images[1]").pixels()
    assert str(refused.value).startswith(told)


def test_an_image_too_thin_for_the_encoder_is_named() -> None:
    thin = np.zeros((1, 70_000, 3), np.uint8)
    with pytest.raises(DataError, match=r"^images\[0\]: an image of 70000x1 pixels is too thin"):
        UserImage(thin, "images[0]").fitted(ImageSpec(224, resize="shortest"))


def test_lists_and_tuples_are_several_images() -> None:
    assert is_single(PIXELS) and is_single("a.png") and not is_single([]) and not is_single((PIXELS,))
    assert as_list("a.png") == ["a.png"] and as_list(("a", "b")) == ["a", "b"]
