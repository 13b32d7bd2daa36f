"""ANLS: the reference values of each variant, and its distance against the textbook's table."""

from __future__ import annotations

import numpy as np
import pytest

from pali3kit.errors import DataError
from pali3kit.metrics import ANLS, anls


@pytest.mark.parametrize(
    ("answers", "prediction", "rrc", "mmf", "big_vision"),
    [
        (["abcd"], "abxx", 0.5, 0.5, 0.0),
        (["Edward R. Shannon", "Edward Shannon"], "edward shanon", 13 / 14, 13 / 14, 13 / 14),
        (["12%"], "12", 2 / 3, 2 / 3, 2 / 3),
        (["new york"], "New  York", 1.0, 8 / 9, 8 / 9),
        (["7"], " 7 ", 1.0, 1.0, 0.0),
        (["10:30"], "10.30", 0.8, 0.8, 0.8),
        (["cat"], "dog", 0.0, 0.0, 0.0),
        ([""], "", 1.0, 1.0, 1.0),
        ([""], "x", 0.0, 0.0, 0.0),
        (["cat", ""], "", 1.0, 1.0, 1.0),
        (["Fuß"], "Fu", 3 / 4, 2 / 3, 2 / 3),  # rrc: one of the four letters of "FUSS"
        (["cats"], "ca  ", 0.5, 0.5, 0.5 - 0.5),  # rrc: two letters of the four of either string
        (["abc  def"], "abcdef", 7 / 8, 6 / 8, 6 / 8),  # rrc: one space of eight signs
    ],
)
def test_reference_values(answers: list[str], prediction: str, rrc: float, mmf: float, big_vision: float) -> None:
    found = [anls([prediction], [answers], variant=name)[0] for name in ("rrc", "mmf", "big_vision")]
    assert found == pytest.approx([rrc, mmf, big_vision], abs=1e-12)
    assert anls([prediction], [answers])[1] == [found[0]]


def textbook(first: str, second: str) -> int:
    row = list(range(len(second) + 1))
    for i, one in enumerate(first, 1):
        above, row[0] = row[0], i
        for j, other in enumerate(second, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (one != other))
    return row[-1]


def test_distances_equal_the_textbooks_table() -> None:
    rng = np.random.default_rng(0)
    for signs in ("ab", "abcé日 "):
        for _ in range(400):
            first, second = ("".join(rng.choice(list(signs), int(rng.integers(1, 90)))) for _ in range(2))
            similarity = 1 - textbook(first, second) / max(len(first), len(second))
            clean = first.strip() == first and second.strip() == second
            expected = similarity if similarity >= 0.5 else 0.0
            assert not clean or anls([first], [[second]], variant="mmf")[0] == expected


def test_the_mean_is_over_questions_and_kept_over_batches() -> None:
    predictions, answers = ["abxx", "cat", "7"], [["abcd"], ["dog"], ["8", "7"]]
    assert anls(predictions, answers) == (0.5, [0.5, 0.0, 1.0])
    for variant, mean in (("rrc", 0.5), ("big_vision", 1 / 3)):
        metric = ANLS(variant)
        metric.update(predictions[:1], answers[:1])
        metric.update(predictions[1:], answers[1:])
        assert metric.compute().item() == pytest.approx(mean)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(DataError, match=r"^ANLS has no variant 'mfm'\. Did you mean 'mmf'\?$"):
        anls(["a"], [["a"]], variant="mfm")
    with pytest.raises(DataError, match="question 0 of 1 has none"):
        anls(["a"], [[]])
    with pytest.raises(DataError, match=r"that of question 0 is 'abc'"):
        anls(["a"], ["abc"])
