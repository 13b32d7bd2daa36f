"""The registered metrics of questions beside VQA accuracy, all in percent; `metrics` describes each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.metrics.anls import anls
from pali3kit.metrics.base import Scores
from pali3kit.metrics.exact import exact_accuracy
from pali3kit.metrics.relaxed import relaxed_accuracy
from pali3kit.metrics.textvqa import textvqa_accuracy
from pali3kit.metrics.wups import wups
from pali3kit.registry import METRIC
from pali3kit.text.wordnet import LEMMATISER
from pali3kit.types import Json


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


@METRIC.register("wups", "WUPS@0 as NExT-QA; WUPS@0.9 and the means over kinds of questions in `extra`")
def _wups(answered: Answered) -> EvalResult:
    """WUPS in percent of questions whose `group` is their type; counts and yes or no are scored by equality.

    `extra` has the means of causal, temporal and descriptive questions (`C`, `T`, `D`), and names the lemmatiser.
    """
    types = [example.group for example in answered.examples]
    result = _percent(answered, partial(wups, types=types))
    strict = _percent(answered, partial(wups, types=types, threshold=0.9))
    samples: dict[str, list[float]] = defaultdict(list)
    for kind, sample in zip(types, result.samples, strict=True):
        samples[kind[:1]].append(sample)
    means: dict[str, Json] = {kind: sum(each) / len(each) for kind, each in sorted(samples.items()) if kind}
    return replace(result, extra={"WUPS@0.9": strict.value, **means, "lemmatiser": LEMMATISER})
