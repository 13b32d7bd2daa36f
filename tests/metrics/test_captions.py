"""BLEU-4 and ROUGE-L against pycocoevalcap on tokenized texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.metrics.captions import _longest_common, bleu, rouge_l
from pali3kit.metrics.cider import cider, whitespace

TEXT = st.lists(st.sampled_from(["a", "b", "c", "d", "é"]), max_size=9).map(" ".join)
IMAGES = st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=1, max_size=4)), min_size=1, max_size=6)
Images = list[tuple[str, list[str]]]


def official(name: str, images: Images) -> tuple[float, np.ndarray]:
    """Its scores of the highest order, of the corpus and of each image."""
    module = pytest.importorskip(f"pycocoevalcap.{name.lower()}.{name.lower()}", reason="pip install pycocoevalcap")
    truth = {number: known for number, (_, known) in enumerate(images)}
    guess = {number: [said] for number, (said, _) in enumerate(images)}
    options = {"verbose": 0} if name == "Bleu" else {}
    score, each = getattr(module, name)().compute_score(truth, guess, **options)
    return (score[-1], np.array(each[-1])) if name == "Bleu" else (float(score), np.array(each))


def close(ours: tuple[float, list[float]], theirs: tuple[float, np.ndarray]) -> None:
    assert ours[0] == pytest.approx(theirs[0], abs=1e-12)
    np.testing.assert_allclose(ours[1], theirs[1], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(IMAGES)
def test_bleu_equals_pycocoevalcap(images: Images) -> None:
    close(bleu(*zip(*images, strict=True), tokenize=whitespace), official("Bleu", images))


@settings(max_examples=50, deadline=None)
@given(IMAGES)
def test_rouge_equals_pycocoevalcap(images: Images) -> None:
    close(rouge_l(*zip(*images, strict=True), tokenize=whitespace), official("Rouge", images))


@settings(max_examples=50, deadline=None)
@given(IMAGES.filter(lambda images: len(images) > 1))
def test_cider_equals_pycocoevalcap(images: Images) -> None:
    if any(known.strip() for _, texts in images for known in texts):  # theirs has no document frequency else
        close(cider(*zip(*images, strict=True), tokenize=whitespace), official("Cider", images))


def test_captions_are_tokenized_as_for_cider() -> None:
    said, known = ["A dog, running."], [["a dog running", "the dog"]]
    assert bleu(said, known)[0] == bleu(["a dog running"], known, tokenize=whitespace)[0]
    assert rouge_l(said, known)[0] == pytest.approx(1.0)


def test_cases_by_hand() -> None:
    # 4-grams: 1 of 2 right; 3-grams 2 of 3, 2-grams 3 of 4, words 4 of 5; as long as its reference
    score, _ = bleu(["a b c d x"], [["a b c d e"]], tokenize=whitespace)
    assert score == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert bleu(["a b c d"], [["a b c d e"]], tokenize=whitespace)[0] == pytest.approx(np.exp(1 - 5 / 4))
    precision, recall = 3 / 4, 3 / 5
    expected = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    assert rouge_l(["a c d x"], [["a b c d e"]], tokenize=whitespace)[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "length"),
    [("abcd", "acbd", 3), ("", "ab", 0), ("ab", "", 0), ("aaaa", "aa", 2), ("abcabc" * 20, "cba" * 30, 40)],
)
def test_the_longest_common_subsequence(first: str, second: str, length: int) -> None:
    table = np.zeros((len(first) + 1, len(second) + 1), int)
    for i, one in enumerate(first):
        for j, other in enumerate(second):
            table[i + 1, j + 1] = table[i, j] + 1 if one == other else max(table[i, j + 1], table[i + 1, j])
    assert _longest_common(first, second) == table[-1, -1]
    assert length == table[-1, -1] or len(first) > 10
