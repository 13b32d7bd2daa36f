"""Preprocessing by an adapter's spec equals that of its library."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import open_clip
import pytest
import timm
import torch
import transformers
from PIL import Image
from sklearn.datasets import load_sample_image
from timm.data import create_transform, resolve_model_data_config
from torch.nn.functional import interpolate

from pali3kit.data.sets.files import SplitFiles, _ImageFiles
from pali3kit.images.spec import ImageSpec
from pali3kit.registry import VISION

SIZE = 224
SHAPE = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "image_size": SIZE, "patch_size": 16}
DINOV2 = {"image_mean": timm.data.IMAGENET_DEFAULT_MEAN, "image_std": timm.data.IMAGENET_DEFAULT_STD}


def drawn(width, height):
    """Ramps, stripes and grain from integers, the same on every machine."""
    rows, columns = np.mgrid[:height, :width]
    channels = (columns * 255 // (width - 1), (7 * rows + 3 * columns) % 256, rows * columns % 251)
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


IMAGES = {
    "drawn": lambda: drawn(500, 300),
    "upright and to be enlarged": lambda: drawn(110, 165),  # 165 * (224 / 110) is a hair under 336
    "a photo": lambda: Image.fromarray(load_sample_image("china.jpg")[:400, :600]),
}


def of_timm(name, folder):
    encoder = VISION.build(f"timm/{name}", image_size=SIZE)
    data = resolve_model_data_config(encoder.model) | {"input_size": (3, SIZE, SIZE)}
    return encoder.image_spec, create_transform(**data, is_training=False)


def of_open_clip(folder):
    encoder = VISION.build("open_clip/ViT-S-32-alt", image_size=SIZE)
    return encoder.image_spec, open_clip.image_transform(SIZE, is_train=False)


def of_open_clips_siglip(folder):
    published = open_clip.get_pretrained_cfg("ViT-B-16-SigLIP", "webli")
    names = ("mean", "std", "resize_mode", "interpolation")
    transform = open_clip.image_transform(SIZE, is_train=False, **{name: published[name] for name in names})
    with torch.device("meta"):  # the smallest of these models has 200 M weights
        return VISION.build("open_clip/ViT-B-16-SigLIP", image_size=SIZE).image_spec, transform


def of_transformers(model, processor, options, folder):
    """The processor of a folder that transformers wrote, in its form that resamples with PIL."""
    model(model.config_class(**SHAPE)).save_pretrained(folder)
    processor(**options).save_pretrained(folder)
    return VISION.build(f"hf/{folder}", image_size=SIZE).image_spec, processed(folder, "pil")


def processed(folder, backend):
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend=backend)
    return lambda image: processor(image, return_tensors="pt")["pixel_values"][0]


def dinov2(shortest):
    options = DINOV2 | {"size": {"shortest_edge": shortest}}
    return partial(of_transformers, transformers.Dinov2Model, transformers.BitImageProcessor, options)


OF_TRANSFORMERS = {
    "transformers' SigLIP": partial(
        of_transformers, transformers.SiglipVisionModel, transformers.SiglipImageProcessor, {}
    ),
    "transformers' CLIP": partial(of_transformers, transformers.CLIPVisionModel, transformers.CLIPImageProcessor, {}),
    "transformers' DINOv2": dinov2(256),
    "transformers' DINOv2, 224 out of 400": dinov2(400),
    "transformers' ViT": partial(of_transformers, transformers.ViTModel, transformers.ViTImageProcessor, {}),
}
LIBRARIES = {
    "timm, bicubic": partial(of_timm, "deit_tiny_patch16_224"),
    "timm, bilinear": partial(of_timm, "test_resnet"),
    "timm, squash and crop": partial(of_timm, "tf_efficientnetv2_b3.in21k_ft_in1k"),
    "open_clip": of_open_clip,
    "open_clip's SigLIP": of_open_clips_siglip,
    **OF_TRANSFORMERS,
}
POINTS = ((0, 0, 0), (1, 0, 223), (2, 111, 57), (0, 200, 150), (1, 223, 223))  # channel, row, column
GOLDEN = {
    "timm, bicubic": (-1.124668, 1.990896, 0.722789, 0.467934, -0.792717, 0.205085),
    "timm, bilinear": (-0.568627, 0.631373, 0.035294, 0.192157, 0.200000, -0.008045),
    "timm, squash and crop": (-0.905882, 0.992157, -0.168627, 0.309804, -0.325490, -0.008473),
    "open_clip": (-1.062341, 0.829239, 0.624350, 0.441297, 1.474573, 0.168376),
    "open_clip's SigLIP": (-1.000000, 0.694118, 0.286275, 0.341177, -0.498039, -0.010005),
    "transformers' SigLIP": (-1.000000, 0.694118, 0.286275, 0.341177, -0.498039, -0.010005),
    "transformers' CLIP": (-1.062341, 0.829239, 0.624350, 0.441297, 1.474573, 0.168376),
    "transformers' DINOv2": (-1.090419, 2.341036, 0.844793, 0.450809, -1.510504, 0.206574),
    "transformers' DINOv2, 224 out of 400": (-0.679425, 1.133053, -0.932985, 0.313811, -0.775210, 0.207837),
    "transformers' ViT": (-1.000000, 0.701961, 0.239216, 0.341177, -0.380392, -0.010020),
}  # of the libraries' own output for the first image: values at POINTS, then the mean of all


def prepared(spec, image):
    return spec.normalise(spec.fit(image)[None])[0]


@pytest.fixture(scope="module", params=LIBRARIES)
def library(request, tmp_path_factory):
    """A model's name, the adapter's spec and the library's own transform."""
    return request.param, *LIBRARIES[request.param](tmp_path_factory.mktemp("folder"))


@pytest.mark.parametrize("photo", IMAGES)
def test_the_librarys_own_transform_gives_the_same(library, photo):
    _, spec, transform = library
    image = IMAGES[photo]()
    torch.testing.assert_close(prepared(spec, image), transform(image), atol=1e-6, rtol=0)


def lucid(mode):
    """An image with a ramp of transparency."""
    image = drawn(300, 260).convert(mode)
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def palette():
    image = drawn(300, 260).quantize(64)
    image.info["transparency"] = 7
    return image


MODES = {
    "RGBA": lambda: lucid("RGB"), "LA": lambda: lucid("L"), "P": lambda: drawn(300, 260).quantize(64),
    "P with transparency": palette, "L": lambda: drawn(300, 260).convert("L"),
    "1": lambda: drawn(300, 260).convert("1"), "CMYK": lambda: drawn(300, 260).convert("CMYK"),
    "I;16": lambda: Image.fromarray(np.arange(300 * 260, dtype=np.uint16).reshape(260, 300) % 300),
}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
def test_images_of_other_modes_become_rgb_when_the_library_makes_them_so(library, mode):
    """timm's data sets convert on reading; transformers' ViT and timm's transform do not convert."""
    name, spec, transform = library
    image = MODES[mode]()
    if name == "transformers' ViT":
        expected = transform(transformers.image_transforms.convert_to_rgb(image))
    else:
        expected = transform(image.convert("RGB") if name.startswith("timm") else image)
    torch.testing.assert_close(prepared(spec, image), expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P with transparency"])
def test_a_set_of_files_gives_encoders_what_is_transparent(library, mode, tmp_path):
    """Except palettes, which open_clip resizes as indices, while our sets convert them first."""
    name, spec, transform = library
    MODES[mode]().save(tmp_path / "a.png")
    read = _ImageFiles({"test": SplitFiles(tmp_path, ["a.png"], tmp_path)}).image("test", 0)
    with Image.open(tmp_path / "a.png") as image:
        image = image.convert("RGBA") if spec.colours == "last" else image
        if name == "transformers' ViT":
            image = transformers.image_transforms.convert_to_rgb(image)
        expected = transform(image.convert("RGB") if name.startswith("timm") else image)
    torch.testing.assert_close(torch.as_tensor(spec.prepare([read])[0]), expected, atol=1e-6, rtol=0)


def test_transparency_matters_and_arrays_may_have_it(tmp_path):
    """Half of the image is transparent, and becomes the colours below or white."""
    image = lucid("RGB")
    dropped, white = (ImageSpec(SIZE, alpha=alpha) for alpha in ("dropped", "white"))
    assert np.abs(dropped.fit(image).astype(int) - white.fit(image)).mean() > 50
    for spec in (dropped, white):
        assert np.array_equal(spec.fitted(np.asarray(image)), spec.fit(image))
        small = np.asarray(image.resize((SIZE, SIZE)))
        assert spec.fitted(small).shape == (SIZE, SIZE, 3)


def test_golden_values(library):
    """Pins both sides, so that a change of both together is noticed too."""
    name, spec, transform = library
    image = IMAGES["drawn"]()
    for pixels in (transform(image), prepared(spec, image)):
        values = [pixels[point].item() for point in POINTS]
        assert [*values, pixels.double().mean().item()] == pytest.approx(GOLDEN[name], abs=2e-6)


@pytest.mark.parametrize("photo", ["drawn", "a photo"])
@pytest.mark.parametrize("name", OF_TRANSFORMERS)
def test_transformers_default_resampling_is_nearly_pils(name, photo, tmp_path):
    """Its processors use torchvision where that is installed, which rounds elsewhere than PIL between the two passes.

    Measured: at most 2 of 256 levels apart. A third is for CPUs without AVX2, where torch has another kernel.
    """
    spec, _ = OF_TRANSFORMERS[name](tmp_path)
    image = IMAGES[photo]()
    apart = (prepared(spec, image) - processed(tmp_path, "torchvision")(image)).abs()
    levels = 255 * apart * torch.tensor(spec.std).view(3, 1, 1)
    assert levels.max() < 3.01


def test_the_middle_of_an_odd_excess_is_each_librarys_own(tmp_path):
    """111 pixels too many: transformers cuts 55 off the left; torchvision, and with it timm and open_clip, 56."""
    image = drawn(SIZE + 111, SIZE)
    spec, transform = OF_TRANSFORMERS["transformers' CLIP"](tmp_path)
    torch.testing.assert_close(transform(image), prepared(spec, image), atol=1e-6, rtol=0)
    assert np.array_equal(spec.fit(image), np.asarray(image)[:, 55 : 55 + SIZE])
    rounding = replace(spec, middle="round")
    torch.testing.assert_close(open_clip.image_transform(SIZE, is_train=False)(image), prepared(rounding, image))
    assert np.array_equal(rounding.fit(image), np.asarray(image)[:, 56 : 56 + SIZE])


def row(*values):
    """An image of one row, the same in all channels."""
    return Image.fromarray(np.repeat(np.array([values], np.uint8)[..., None], 3, axis=-1))


def test_big_visions_values_by_hand():
    """Bilinear to a square, and [-1, 1].

    Enlarged, a new pixel lies a quarter of an old one off the next. Shrunk, ours and big_vision's differ: PIL widens
    the triangle with the factor and weighs pixels 3:3:1, where big_vision's `resize`, which does not antialias unless
    told to, gives (0 + 70) / 2 = 35 and (140 + 210) / 2 = 175.
    """
    assert ImageSpec(4).fit(row(0, 80))[..., 0].tolist() == [[0, 20, 60, 80]] * 4
    shrunk = ImageSpec(2).fit(row(0, 70, 140, 210))
    by_hand = [(3 * 0 + 3 * 70 + 140) / 7, (70 + 3 * 140 + 3 * 210) / 7]
    assert shrunk[..., 0].tolist() == [by_hand] * 2 == [[50, 160]] * 2
    expected = torch.tensor([50 / 127.5 - 1, 160 / 127.5 - 1]).expand(3, 2, 2)
    torch.testing.assert_close(ImageSpec(2).normalise(shrunk[None])[0], expected)


@pytest.mark.parametrize(("photo", "apart"), [("drawn", 8.0), ("a photo", 5.8), ("upright and to be enlarged", 0.3)])
def test_big_visions_resampling_by_torch(photo, apart):
    """Antialiased, torch's is ours but for PIL's two roundings, of at most half a level each.

    Without, as in big_vision, it is `apart` of 256 levels from ours on average (measured): much for a photo that is
    shrunk, nothing but those roundings for one that is enlarged.
    """
    image = IMAGES[photo]()
    ours = torch.tensor(ImageSpec(SIZE).fit(image)).permute(2, 0, 1)
    pixels = torch.tensor(np.array(image)).permute(2, 0, 1)[None].float()
    with_filter, without = (
        interpolate(pixels, (SIZE, SIZE), mode="bilinear", antialias=antialias)[0] for antialias in (True, False)
    )
    assert (ours - with_filter).abs().max() <= 1
    assert (ours - without).abs().mean().item() == pytest.approx(apart, rel=0.05)
