"""Demographic parity: hand-computed gaps, and an interval that is that of a difference of two means."""

from __future__ import annotations

import numpy as np
import pytest

from pali3kit.config.parity import Parity
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import score

TEXTS = ("nurse", "pilot")


def measured(rows: list[tuple[str, float, float]]) -> EvalResult:
    examples = [Example((n,), "q", "", attributes={"gender": row[0]} if row[0] else {}) for n, row in enumerate(rows)]
    rated = [dict(zip(TEXTS, row[1:], strict=True)) for row in rows]
    parity = Parity(texts=[*TEXTS])
    return score("celeba", Answered(examples, [""] * len(rows), None, None, 32, parity=parity, log_perplexities=rated))


def test_gaps_by_hand() -> None:
    found = measured([("Female", 1, 4), ("Female", 3, 6), ("Male", 4, 3), ("Male", 6, 1), ("", 9, 9)])
    # nurse 2 - 5 = -3, pilot 5 - 2 = 3
    assert found.extra == {"gap/nurse": -3, "gap/pilot": 3, "mean size of the gaps": 3,
                           "n of Female": 2, "n of Male": 2}  # fmt: skip
    assert found.value == 0 and [row["score"] for row in found.details] == [2.5, 4.5, 3.5, 3.5, 9]


def test_samples_have_the_mean_and_the_spread_of_the_difference() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(3, 1, (80, 2)), rng.normal(2, 2, (30, 2))
    found = measured([("Female", *row) for row in a.tolist()] + [("Male", *row) for row in b.tolist()])
    assert np.mean(found.samples) == pytest.approx(found.value) == pytest.approx(a.mean() - b.mean())
    spread = np.std(found.samples) / len(found.samples) ** 0.5
    assert spread == pytest.approx((np.var(a.mean(1)) / 80 + np.var(b.mean(1)) / 30) ** 0.5)


def test_a_group_without_images_is_told() -> None:
    with pytest.raises(DataError, match="parity by gender: it has 0 test images of 'Male', at least 2 are needed"):
        measured([("Female", 1, 1), ("Female", 1, 1)])
