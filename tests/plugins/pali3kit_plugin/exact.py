"""Exact match: an answer is right if it is, letter by letter, what most people said."""

from __future__ import annotations

from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.registry import METRIC


@METRIC.register("exact_match", "the share of answers that are right, letter by letter")
def exact_match(answered: Answered) -> EvalResult:
    """The share of answers that equal their target, in percent; case and outer spaces do not count."""
    pairs = zip(answered.answers, answered.examples, strict=True)
    samples = [100.0 * (answer.strip().lower() == example.target.strip().lower()) for answer, example in pairs]
    return EvalResult(sum(samples) / len(samples), samples)
