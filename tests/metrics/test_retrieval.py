import numpy as np
import pytest
import torch

from pali3kit.errors import DataError
from pali3kit.metrics.retrieval import RetrievalRecall, recall_hits


def signs(n: int, width: int, generator: torch.Generator) -> torch.Tensor:
    """Rows of +-1, of length 4: cosines are exact multiples of 1 / width, so that very many are equal."""
    return torch.randint(0, 2, (n, width), generator=generator).float() * 2 - 1


def by_sorting(images, texts, owners, ks):
    """The definition, with a stable sort of the whole matrix."""
    images, texts, owners = (x.numpy().astype(np.float64) for x in (images, texts, owners))
    images, texts = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, texts))
    scores = images @ texts.T
    found_text = np.argsort(-scores, axis=1, kind="stable")
    found_image = np.argsort(-scores.T, axis=1, kind="stable")
    to_text = [
        [bool((owners[found_text[i, :k]] == i).any()) for k in ks] for i in range(len(images)) if (owners == i).any()
    ]
    return to_text, [[bool(owners[j] in found_image[j, :k]) for k in ks] for j in range(len(texts))]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("budget", [1, 100, 777, 2**20])
def test_equals_a_stable_sort_whatever_the_chunk(seed, budget):
    generator = torch.Generator().manual_seed(seed)
    images, texts = signs(37, 16, generator), signs(60, 16, generator)
    owners = torch.randint(0, 30, (60,), generator=generator)  # of 37: several texts, one, or none
    got = recall_hits(images, texts, owners, (1, 2, 5, 40), budget)
    to_text, to_image = by_sorting(images, texts, owners, (1, 2, 5, 40))
    assert got.image_to_text.tolist() == to_text and got.text_to_image.tolist() == to_image
    assert 0 < np.mean(to_text) < 1 and len(to_text) < 37


def test_equals_a_stable_sort_on_features_of_any_length():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(50, 24, generator=generator) * torch.rand(50, 1, generator=generator) * 30
    owners = torch.arange(50).repeat_interleave(2)
    texts = images[owners] + 20 * torch.randn(100, 24, generator=generator)
    got = recall_hits(images, texts, owners, budget=333)
    to_text, to_image = by_sorting(images, texts, owners, (1, 5, 10))
    assert got.image_to_text.tolist() == to_text and got.text_to_image.tolist() == to_image


def test_a_case_by_hand():
    images = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])  # the last has no text
    texts = torch.tensor([[0.0, 5.0], [3.0, 4.0], [0.0, 1.0]])
    owners = torch.tensor([0, 0, 1])
    # cosines: picture 0: 0, 0.6, 0; picture 1: 1, 0.8, 1, where text 0 is before its own text 2.
    # text 0: 0, 1, 0.71; text 1: 0.6, 0.8, 0.99; text 2: 0, 1, 0.71
    hits = recall_hits(images, texts, owners, ks=(1, 2, 3))
    assert hits.image_to_text.tolist() == [[True, True, True], [False, True, True]]
    assert hits.text_to_image.tolist() == [[False, False, True], [False, False, True], [True, True, True]]


def test_where_all_is_equal_the_first_is_found():
    hits = recall_hits(torch.ones(4, 3), torch.ones(4, 3), torch.tensor([3, 2, 1, 0]), ks=(1, 2))
    assert hits.image_to_text.tolist() == [[False, False], [False, False], [False, True], [True, True]]
    assert hits.text_to_image.tolist() == [[False, False], [False, False], [False, True], [True, True]]


def test_an_embedding_of_zeros_is_like_nothing():
    images, texts = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([[-1.0, 0.0], [1.0, 0.0]])
    assert recall_hits(images, texts, torch.tensor([0, 1]), ks=(1,)).text_to_image.tolist() == [[True], [True]]


def test_half_precision_is_computed_in_float32():
    generator = torch.Generator().manual_seed(1)
    images, texts = (torch.randn(30, 40, generator=generator).bfloat16() for _ in range(2))
    owners = torch.arange(30)
    expected = recall_hits(images.float(), texts.float(), owners)
    with torch.autocast("cpu", torch.bfloat16):
        got = recall_hits(images, texts, owners)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"texts": torch.ones(3, 5)}, r"of one width; got \[2, 4\] and \[3, 5\]"),
        ({"images": torch.ones(2, 4, 1)}, "of one width"),
        ({"owners": torch.tensor([0, 2, 1])}, "Text 1 belongs to picture 2; there are pictures 0 to 1"),
        ({"owners": torch.tensor([0, 1, -1])}, "Text 2 belongs to picture -1"),
        ({"owners": torch.tensor([0, 1])}, r"each of 3 texts, int64; got torch.int64 \[2\]"),
        ({"owners": torch.tensor([0.0, 1.0, 1.0])}, "int64; got torch.float32"),
        ({"texts": torch.tensor([[1.0] * 4, [1.0] * 4, [torch.nan] * 4])}, "text 2 of 3 is not finite"),
        ({"images": torch.tensor([[torch.inf] * 4, [1.0] * 4])}, "picture 0 of 2 is not finite"),
        ({"ks": (1, 0)}, r"k of 1 or more; got \[1, 0\]"),
        ({"texts": torch.ones(0, 4), "owners": torch.zeros(0, dtype=torch.int64)}, "no texts"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    arguments = {"images": torch.ones(2, 4), "texts": torch.ones(3, 4), "owners": torch.tensor([0, 1, 1])}
    with pytest.raises(DataError, match=message):
        recall_hits(**(arguments | change))


def test_the_metric_equals_the_function_whatever_the_order_of_batches():
    generator = torch.Generator().manual_seed(3)
    images, texts = signs(20, 16, generator), signs(40, 16, generator)
    owners = torch.randint(0, 20, (40,), generator=generator)
    hits = recall_hits(images, texts, owners, ks=(1, 5))
    metric = RetrievalRecall(ks=(1, 5))
    numbers = 100 + 7 * torch.arange(20)
    metric.update(images[12:], numbers[12:], texts[:15], numbers[owners[:15]])
    metric.update(images[:12], numbers[:12], texts[15:], numbers[owners[15:]])
    got = metric.compute()
    assert list(got) == ["image_to_text@1", "image_to_text@5", "text_to_image@1", "text_to_image@5"]
    expected = [*hits.image_to_text.float().mean(0), *hits.text_to_image.float().mean(0)]
    assert [float(v) for v in got.values()] == pytest.approx([float(v) for v in expected])


def test_the_metric_refuses_pictures_that_came_twice_or_never():
    ones, numbers = torch.ones(2, 4), torch.tensor([4, 9])
    metric = RetrievalRecall()
    metric.update(ones, numbers, ones, torch.tensor([4, 5]))
    with pytest.raises(DataError, match="belongs to picture 5, which is not among the 2 seen"):
        metric.compute()
    metric.update(ones, numbers, ones, numbers)
    with pytest.raises(DataError, match="Picture 4 came twice"):
        metric.compute()
