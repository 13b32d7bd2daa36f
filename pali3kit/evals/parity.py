"""Demographic parity: whether texts are as probable for the images of one group as for those of another."""

from __future__ import annotations

import numpy as np

from pali3kit.config.parity import why_incomparable
from pali3kit.errors import DataError
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.registry import METRIC
from pali3kit.types import Json

GAP = "gap/"


@METRIC.register("log_perplexity_gap", "the gap of mean log-perplexity between two groups of images")
def _log_perplexity_gap(answered: Answered) -> EvalResult:
    """Mean log-perplexity for images of the first group less that of the second, in nats a token, mean over texts.

    The log-perplexity of a text is minus the mean log-probability of its tokens, the end token included. Above 0, texts
    are more probable for the second group. `extra` has the gap of each text (`gap/nurse`), their mean size and how many
    images each group has. The samples are the gap's contributions by image, whose mean it is and whose spread is that
    of the difference of two means; images of neither group have the gap itself. The `score` of a prediction is
    its own mean.

    Raises DataError where a group has fewer than two images.
    """
    parity = answered.parity
    if parity is None or not answered.log_perplexities:
        raise DataError("metric 'log_perplexity_gap' needs the log-perplexities of evaluation.parity.texts.")
    values = np.array([[each[text] for text in parity.texts] for each in answered.log_perplexities], np.float64)
    if problem := why_incomparable(parity, (example.attributes for example in answered.examples)):
        raise DataError(problem)
    told = [example.attributes.get(parity.by, "") for example in answered.examples]
    groups = [np.array([value == name for value in told]) for name in parity.between]
    gaps = values[groups[0]].mean(0) - values[groups[1]].mean(0)
    images, value = values.mean(1), float(gaps.mean())
    samples = np.full(len(images), value)
    for sign, group in zip((1, -1), groups, strict=True):
        samples[group] += sign * (images[group] - images[group].mean()) * len(images) / group.sum()
    counts = {f"n of {name}": int(group.sum()) for name, group in zip(parity.between, groups, strict=True)}
    extra: dict[str, Json] = {GAP + text: float(gap) for text, gap in zip(parity.texts, gaps, strict=True)}
    extra |= {"mean size of the gaps": float(np.abs(gaps).mean()), **counts}
    return EvalResult(value, samples.tolist(), extra, [{"score": float(each)} for each in images])
