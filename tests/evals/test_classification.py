"""Classification by a frozen encoder."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.evals.classification import _class_embeddings, _evaluate, knn, linear_probe, zero_shot
from pali3kit.evals.features import Features

CLASSES = ("red", "green", "blue")


class Colours:
    """A text tower that knows three words, and how long a text is."""

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        rows = [[float(word in text.split()) for word in CLASSES] + [0.1 * len(text)] for text in texts]
        return torch.tensor(rows)


def images(labels: Sequence[int], right: Sequence[tuple[int, ...]] | None = None) -> Features:
    rng = np.random.default_rng(len(labels))
    features = np.eye(4, dtype=np.float32)[list(labels)] + 0.05 * rng.normal(size=(len(labels), 4)).astype(np.float32)
    return Features(features, np.array(labels), right)


def test_judged_by_hand() -> None:
    test = Features(np.zeros((4, 1), np.float32), np.array([0, 1, 2, 2]), [(0, 1), (), (1,), (2,)])
    v2 = Features(np.zeros((2, 1), np.float32), np.array([2, 0]))
    answers = {4: np.array([1, 1, 2, 2]), 2: np.array([2, 2])}
    found = {one.name: (one.value, one.n) for one in _evaluate(lambda features: answers[len(features)], test, v2)}
    # ReaL: image 0 may be a 1 too, of image 1 nobody could tell, and image 2 is none.
    assert found == {"top1": (75.0, 4), "real": (pytest.approx(200 / 3), 3), "v2": (50.0, 2)}


def test_without_new_labels_and_another_collection_there_is_top_1_alone() -> None:
    assert [one.name for one in _evaluate(lambda features: np.zeros(len(features), np.int64), images([0, 1]))] == [
        "top1"
    ]


def test_zero_shot_takes_the_class_of_the_nearest_texts() -> None:
    [top1] = zero_shot(Colours(), CLASSES, images([0, 1, 2, 1]), prompts="photo")
    assert top1.value == 100.0 and top1.samples == [100.0] * 4
    [wrong] = zero_shot(Colours(), CLASSES[::-1], images([0, 1, 2, 1]), prompts="photo")
    assert wrong.value == 50.0  # green alone has kept its place


def test_every_class_of_the_images_has_a_name() -> None:
    with pytest.raises(DataError, match="there are 2 class names, but an image has the label 2, counted from 0"):
        list(zero_shot(Colours(), CLASSES[:2], images([0, 2]), prompts="photo"))


def test_what_cannot_be_asked_for_is_refused() -> None:
    some = images([0, 1, 2])
    with pytest.raises(DataError, match="neighbours are 1 to 3, the number of train images, not 0"):
        list(knn(some, some, neighbours=0))
    with pytest.raises(DataError, match="epochs and batch_size of a linear classifier start at 1, not 0 and 256"):
        list(linear_probe(some, some, epochs=0))


def test_towers_say_whether_their_prompts_are_canonical() -> None:
    read: list[str] = []

    class Cased(Colours):
        canonical_prompts = False

        def embed_texts(self, texts: Sequence[str]) -> Tensor:
            read.extend(texts)
            return super().embed_texts(texts)

    _class_embeddings(Cased(), ["Red"], "photo")
    Cased.canonical_prompts = True
    _class_embeddings(Cased(), ["Red"], "photo")
    assert read == ["a photo of a Red.", "a photo of a red"]


def test_a_class_is_the_mean_of_its_unit_prompts_of_unit_length() -> None:
    embedded = _class_embeddings(Colours(), CLASSES, "clip_best")
    single = torch.stack([Colours().embed_texts([text])[0] for text in _prompts("red")])
    expected = torch.nn.functional.normalize(torch.nn.functional.normalize(single, dim=1).mean(0), dim=0)
    assert embedded.shape == (3, 4) and torch.allclose(embedded[0], expected, atol=1e-6)


def _prompts(name: str) -> list[str]:
    from pali3kit.text.zero_shot import class_prompts

    return class_prompts("clip_best", [name])[0]


def test_neighbours_and_a_linear_classifier_find_what_is_separable() -> None:
    train, test = images([0, 1, 2] * 20), images([2, 0, 1, 1])
    [near], [line] = knn(train, test, neighbours=5), linear_probe(train, test, epochs=40, learning_rate=0.1)
    assert near.value == line.value == 100.0


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(DataError, match="image features have 3 numbers, text features 4"):
        list(zero_shot(Colours(), CLASSES, Features(np.ones((2, 3), np.float32), np.array([0, 1]))))
    with pytest.raises(DataError, match="these features have no labels"):
        list(knn(images([0, 1]), Features(np.ones((2, 4), np.float32)), neighbours=1))
