"""The registered metrics of questions beside VQA accuracy, all in percent; `metrics` describes each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.metrics.anls import anls
from pali3kit.metrics.base import Scores
from pali3kit.metrics.exact import exact_accuracy
from pali3kit.metrics.relaxed import relaxed_accuracy
from pali3kit.metrics.textvqa import textvqa_accuracy
from pali3kit.registry import METRIC


def _percent(answered: Answered, metric: Callable[[Sequence[str], Sequence[Sequence[str]]], Scores]) -> EvalResult:
    value, each = metric(answered.answers, [example.references for example in answered.examples])
    return EvalResult(100 * value, [100 * score for score in each])


@METRIC.register("anls", "ANLS as the servers of DocVQA, InfographicVQA and ST-VQA")
def _anls(answered: Answered) -> EvalResult:
    return _percent(answered, anls)


@METRIC.register("anls_mmf", "ANLS as MMF, in papers on ST-VQA")
def _anls_mmf(answered: Answered) -> EvalResult:
    return _percent(answered, partial(anls, variant="mmf"))


@METRIC.register("anls_big_vision", "ANLS as big_vision, for PaliGemma's numbers")
def _anls_big_vision(answered: Answered) -> EvalResult:
    return _percent(answered, partial(anls, variant="big_vision"))


@METRIC.register("relaxed_accuracy", "ChartQA's: numbers within 5%, other texts equal in lower case")
def _relaxed_accuracy(answered: Answered) -> EvalResult:
    return _percent(answered, relaxed_accuracy)


@METRIC.register("textvqa_accuracy", "VQA accuracy of texts that are always normalised, as TextVQA's server")
def _textvqa_accuracy(answered: Answered) -> EvalResult:
    return _percent(answered, textvqa_accuracy)


@METRIC.register("exact", "exact match")
def _exact(answered: Answered) -> EvalResult:
    return _percent(answered, exact_accuracy)


@METRIC.register("exact_lower", "exact match in lower case")
def _exact_lower(answered: Answered) -> EvalResult:
    return _percent(answered, partial(exact_accuracy, variant="exact_lower"))


@METRIC.register("exact_stripped", "exact match in lower case, without outer spaces")
def _exact_stripped(answered: Answered) -> EvalResult:
    return _percent(answered, partial(exact_accuracy, variant="exact_stripped"))


@METRIC.register("tallyqa_accuracy", "exact match of counts: a number word is its digits")
def _tallyqa_accuracy(answered: Answered) -> EvalResult:
    return _percent(answered, partial(exact_accuracy, variant="tallyqa"))
