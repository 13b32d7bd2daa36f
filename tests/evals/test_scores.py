"""What an evaluator returns."""

from __future__ import annotations

from pali3kit.evals.scores import Scores


def test_extra_and_details_are_optional_and_not_shared() -> None:
    one, other = Scores(1.0, [1.0]), Scores(2.0, [2.0])
    one.extra["a"] = 1.0
    assert other.extra == {} and other.details == []
