"""The few-shot probe: a linear classifier on frozen features, fitted on a few images per class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pali3kit.errors import DataError
from pali3kit.evals.features import Features
from pali3kit.evals.scores import EvalResult
from pali3kit.metrics.probe import shot_curve


def few_shot_probe(
    train: Features, test: Features, shots: Sequence[int] = (10,), repeats: int = 3, seed: int = 0
) -> Iterator[EvalResult]:
    """Yield the accuracy for each number of `shots` per class, named `10-shot`, averaged over `repeats`.

    Its samples are the test images: the share of repeats in which each was classified correctly. The protocol is
    big_vision's `fewshot_lsr` (`metrics.probe`): of a class with fewer images than shots, all are used.
    """
    if train.labels is None or test.labels is None:
        raise DataError("a probe needs labels: these features are of images with captions, or without either")
    curve = shot_curve(train.features, train.labels, test.features, test.labels, shots, repeats, seed)
    for count, hits in curve.items():
        yield EvalResult.of_hits(f"{count}-shot", hits.mean(0))
