"""The few-shot probe: how well a linear classifier on frozen features learns from a few shots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pali3kit.errors import DataError
from pali3kit.evals.features import Features
from pali3kit.evals.scores import Measured, measured
from pali3kit.metrics.probe import shot_curve


def few_shot_probe(
    train: Features, test: Features, shots: Sequence[int] = (10,), draws: int = 3, seed: int = 0
) -> Iterator[Measured]:
    """Accuracy after so many `shots` of each class (`10-shot`), the mean over `draws` of them; a sample is a picture.

    The group's protocol (big_vision's `fewshot_lsr`; `metrics.probe`): a class of fewer pictures gives all it has.
    """
    if train.labels is None or test.labels is None:
        raise DataError("a probe needs labels: these features are of a set of captions, or of pictures alone")
    found = shot_curve(train.features, train.labels, test.features, test.labels, shots, draws, seed)
    for number, hits in found.items():
        yield measured(f"{number}-shot", hits.mean(0))
