"""Features of images and texts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pali3kit.errors import DataError
from pali3kit.evals.batches import BATCH, TOKENS, images_per_batch
from pali3kit.evals.features import (
    Encoder,
    Extractor,
    _batches,
    _feature_function,
    embed_set,
    embed_texts,
    extract,
)
from pali3kit.images.spec import ImageSpec
from pali3kit.registry import CAPTIONED, LABELLED
from pali3kit.vision.vit import ViT


def brightness(images: Tensor) -> Tensor:
    return images.mean((2, 3))


def test_any_function_is_an_encoder() -> None:
    images = [np.full((8 + size, 9, 3), 51 * size, np.uint8) for size in range(5)]
    features = extract(Encoder(brightness, ImageSpec(8, mean=(0, 0, 0), std=(1, 1, 1))), images, batch=2)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features, np.arange(5)[:, None] * [[0.2, 0.2, 0.2]], atol=1e-6)


def test_a_vit_gives_its_pooled_output_whatever_the_batch_and_its_mode() -> None:
    torch.manual_seed(0)
    vision = ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8).train()
    images = list(np.random.default_rng(0).integers(0, 255, (7, 16, 16, 3), dtype=np.uint8))
    features = extract(vision, images, batch=3)
    with torch.no_grad():
        expected = vision.eval().pooled(vision.image_spec.prepare(images))
    np.testing.assert_allclose(features, expected.numpy(), atol=1e-5)


def test_a_crop_is_cut_from_the_middle_also_of_what_has_the_size_already() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:6, 2:6] = 255  # the middle
    encoder = Encoder(brightness, ImageSpec(8, mean=(0, 0, 0), std=(1, 1, 1)))
    whole, half = (extract(encoder, [image], crop=crop)[0, 0] for crop in (None, 0.5))
    assert whole == pytest.approx(0.25) and half > 0.8


def test_an_encoders_own_crop_is_made_whatever_the_size() -> None:
    """Images that have the encoder's size already are cropped like all others of their set."""
    image = np.zeros((8, 8, 3), np.uint8)
    image[2:6, 2:6] = 255
    encoder = Encoder(brightness, ImageSpec(8, mean=(0, 0, 0), std=(1, 1, 1), crop=0.5))
    assert extract(encoder, [image])[0, 0] > 0.8


def test_a_network_is_measured_in_eval_mode() -> None:
    """The encoder itself, or a module in an `Encoder`: batch norms are in eval mode."""
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.5), nn.Flatten()).train()
    image = np.full((4, 4, 3), 200, np.uint8)
    first, second = (extract(Encoder(network, ImageSpec(4)), [image] * 2) for _ in range(2))
    assert not network.training and network[0].num_batches_tracked == 0
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda images: images, r"the encoder should return \[2, D\] for 2 images, not \[2, 3, 4, 4\]"),
        (lambda images: brightness(images)[:1], r"return \[2, D\] for 2 images, not \[1, 3\]"),
        (lambda images: (brightness(images),), "not tuple"),
        (lambda images: brightness(images) / 0 * 0, "the encoder's features are not all finite"),
    ],
)
def test_features_of_another_shape_or_not_finite_are_told(function: Callable[[Tensor], Tensor], told: str) -> None:
    with pytest.raises(DataError, match=told):
        extract(Encoder(function, ImageSpec(4)), [np.full((4, 4, 3), 200, np.uint8)] * 2)


def test_a_split_without_images_is_told() -> None:
    with pytest.raises(DataError, match="no images in its split 'v2'"):
        embed_set(Encoder(brightness, ImageSpec(64)), LABELLED.build("world_probe", task="count"), "v2")


def test_a_set_keeps_its_labels_and_what_was_labelled_again() -> None:
    images = LABELLED.build("world_classes", objects=8, train=4, test=3)
    features = embed_set(Encoder(brightness, ImageSpec(64)), images, "test")
    assert features.features.shape == (3, 3)
    assert features.labels is not None and features.right is not None
    np.testing.assert_array_equal(features.labels, images.labels("test"))
    assert features.right == images.relabelled("test")
    captioned = embed_set(Encoder(brightness, ImageSpec(64)), CAPTIONED.build("world_captions", test=2), "test")
    assert captioned.labels is None and captioned.features.shape == (2, 3)


def test_texts_have_unit_length_in_their_order() -> None:
    class Reads:
        def embed_texts(self, texts: list[str]) -> Tensor:
            return torch.tensor([[3.0 * len(text), 4.0 * len(text), 1e-3 * ord(text[0])] for text in texts])

    embedded = embed_texts(Reads(), ["b", "aa", "c"], batch=2)
    assert embedded.shape == (3, 3) and torch.allclose(embedded.norm(dim=1), torch.ones(3))
    assert embedded[1, 2] < embedded[0, 2] < embedded[2, 2]


def test_what_makes_no_features_is_told_how() -> None:
    with pytest.raises(TypeError, match="Linear has neither embed_images nor pooled: wrap it"):
        _feature_function(nn.Linear(2, 2))


def test_batches_hold_everything_once() -> None:
    assert list(_batches(range(5), 2)) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("size", "images"), [(8, BATCH), (64, BATCH), (224, BATCH), (316, BATCH), (384, 89), (518, 47), (1064, 11)]
)
def test_large_images_are_computed_in_small_batches(size: int, images: int) -> None:
    tokens = Extractor(Encoder(brightness, ImageSpec(size))).max_tokens
    assert tokens == max(1, (size // 14) ** 2)
    assert images_per_batch(tokens) == images <= TOKENS // tokens and images_per_batch(tokens, 1) == 1
