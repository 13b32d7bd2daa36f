"""Recall at k."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pali3kit.errors import DataError
from pali3kit.metrics.retrieval import RetrievalRecall, recall_hits

TOP = (1, 2, 5)


def brute_force(images: np.ndarray, texts: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By a stable sort of the whole matrix."""
    scores = images @ texts.T
    by_image = owners[np.argsort(-scores, axis=1, kind="stable")]
    by_text = np.argsort(-scores.T, axis=1, kind="stable")
    rows = np.unique(owners)
    found = np.stack([(by_image[rows, :k] == rows[:, None]).any(1) for k in TOP], 1)
    return found, np.stack([(by_text[:, :k] == owners[:, None]).any(1) for k in TOP], 1)


def tied_features(rng: np.random.Generator, count: int) -> np.ndarray:
    """Rows of length 1, four of 16 numbers ±1/2: products are exact in float32, so that equal ones are equal."""
    features = np.zeros((count, 16), np.float32)
    for row in features:
        row[rng.choice(16, 4, replace=False)] = rng.choice([-0.5, 0.5], 4)
    return features


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("budget", [1, 150, 1 << 20])
def test_it_equals_a_stable_sort_with_ties_and_several_captions(seed: int, budget: int) -> None:
    rng = np.random.default_rng(seed)
    images, texts = tied_features(rng, 40), tied_features(rng, 90)
    owners = rng.integers(0, 40, 90)  # some images have several, some none
    scores = images @ texts.T
    assert len(np.unique(scores)) < 20 and len(np.unique(owners)) < 40
    recall = recall_hits(*map(torch.from_numpy, (images, texts, owners)), TOP, budget)
    found, sought = brute_force(images, texts, owners)
    np.testing.assert_array_equal(recall.image_to_text.numpy(), found)
    np.testing.assert_array_equal(recall.text_to_image.numpy(), sought)
    assert 0 < found.mean() < 1 and 0 < sought.mean() < 1


def test_it_equals_a_sort_on_features_of_any_length() -> None:
    rng = np.random.default_rng(7)
    images, texts = (rng.normal(size=(n, 24)).astype(np.float32) for n in (50, 120))
    owners = rng.permutation(np.r_[np.arange(50), rng.integers(0, 50, 70)])
    texts += images[owners]
    unit = [each / np.linalg.norm(each, axis=1, keepdims=True) for each in (images, texts)]
    recall = recall_hits(*map(torch.from_numpy, (3 * images, 0.2 * texts, owners)), TOP)
    for hits, expected in zip(recall, brute_force(*unit, owners), strict=True):
        np.testing.assert_array_equal(hits.numpy(), expected)


def test_a_case_by_hand() -> None:
    images = torch.eye(3)
    texts = torch.tensor([[1.0, 0.1, 0.0], [0.2, 1.0, 0.0], [0.0, 1.0, 0.3], [0.0, 1.0, 0.9]])
    owners = torch.tensor([0, 0, 1, 2])
    recall = recall_hits(images, texts, owners, (1, 2))
    # Image 0 finds text 0; image 1 finds text 1, which is of image 0, then its own; image 2 finds its own.
    assert recall.image_to_text.tolist() == [[True, True], [False, True], [True, True]]
    # Texts 1 and 3 are nearest to image 1, and to their own after it.
    assert recall.text_to_image.tolist() == [[True, True], [False, True], [True, True], [False, True]]


def test_equal_scores_are_in_the_order_of_their_numbers() -> None:
    same = torch.ones(3, 2)
    recall = recall_hits(same, same, torch.tensor([2, 0, 1]), (1, 2, 3))
    assert recall.text_to_image.sum(1).tolist() == [1, 3, 2]  # image 2 is the last of equals
    assert recall.image_to_text.sum(1).tolist() == [2, 1, 3]  # the text of image 0 is number 1


@pytest.mark.parametrize(
    ("images", "texts", "owners", "message"),
    [
        (torch.ones(2, 3), torch.ones(2, 4), [0, 1], "image features have 3 numbers, text features 4"),
        (torch.ones(2, 3), torch.ones(2, 3), [0], "2 texts and 1 owners"),
        (torch.ones(2, 3), torch.ones(0, 3), [], "0 texts and 0 owners"),
        (torch.ones(2, 3), torch.ones(2, 3), [0, 2], "owners are from 0 to 2, images from 0 to 1"),
        (torch.ones(2, 3), torch.full((2, 3), torch.nan), [0, 1], "features of texts are not all finite"),
    ],
)
def test_what_does_not_fit_is_refused(
    images: torch.Tensor, texts: torch.Tensor, owners: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        recall_hits(images, texts, torch.tensor(owners, dtype=torch.int64))


def test_the_metric_over_batches_is_the_function_on_all() -> None:
    rng = np.random.default_rng(1)
    images, texts = (torch.from_numpy(rng.normal(size=(n, 8)).astype(np.float32)) for n in (12, 24))
    owners = torch.arange(24) // 2
    metric = RetrievalRecall((1, 5))
    for start in (0, 5):
        end = 5 if start == 0 else 12
        rows = slice(2 * start, 2 * end)
        metric.update(images[start:end], texts[rows], owners[rows] - start)
    recall = recall_hits(images, texts, owners, (1, 5))
    told = metric.compute()
    assert list(told) == ["i2t@1", "i2t@5", "t2i@1", "t2i@5"]
    assert told["i2t@5"] == 100 * recall.image_to_text[:, 1].float().mean()
    assert told["t2i@1"] == 100 * recall.text_to_image[:, 0].float().mean()


class Largest(TorchDispatchMode):
    """Records the number of elements of the largest tensor that is created within it."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        tensors = (each for each in tree_leaves(made) if isinstance(each, torch.Tensor))
        self.numbers = max([self.numbers, *(each.untyped_storage().nbytes() // 4 for each in tensors)])
        return made


def test_neither_a_matrix_of_all_scores_nor_a_copy_of_the_features_is_made() -> None:
    images, texts = torch.randn(300, 64), torch.randn(600, 64)
    owners = torch.arange(600) // 2
    with (largest := Largest()):
        recall_hits(images, texts, owners, budget=6000)
    assert largest.numbers == texts.numel()  # a view of those given
    texts, images = texts[:, :2], images[:, :2]
    with (largest := Largest()):
        recall_hits(images.contiguous(), texts.contiguous(), owners, budget=6000)
    assert largest.numbers <= 2 * 6000 < 300 * 600  # counts of a chunk are int64


@pytest.mark.parametrize("owners", [torch.tensor([False, True]), torch.tensor([[0], [1]]), torch.tensor([0j, 1])])
def test_owners_are_a_list_of_whole_numbers(owners: torch.Tensor) -> None:
    with pytest.raises(DataError, match=r"owners are whole numbers \[M\], not"):
        recall_hits(torch.eye(2), torch.eye(2), owners)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int16, torch.int32])
def test_owners_of_any_whole_type(dtype: torch.dtype) -> None:
    found = recall_hits(torch.eye(3), torch.eye(3), torch.tensor([0, 1, 2], dtype=dtype), top=(1,))
    assert found.image_to_text.all() and found.text_to_image.all()
