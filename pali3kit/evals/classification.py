"""Classification by a frozen encoder: neighbours, a linear classifier, the texts of the classes.

Each evaluator yields `top1`; `real`, where the test pictures were labelled again (ReaL: pictures of which nobody could
tell are left out); and `v2`, the top-1 of another collection of the same classes, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pali3kit.errors import DataError
from pali3kit.evals.features import Features, ReadsTexts, embed_texts
from pali3kit.evals.linear import fit_linear, predict
from pali3kit.evals.scores import Measured, measured
from pali3kit.metrics.classification import relabelled_hits
from pali3kit.metrics.demands import demand_features
from pali3kit.metrics.neighbours import nearest_classes
from pali3kit.text.zero_shot import prompts_of

ROWS = 4096  # features compared with the classes at once
Predict = Callable[[NDArray[np.float32]], NDArray[np.int64]]


def judge(predict: Predict, test: Features, v2: Features | None = None) -> Iterator[Measured]:
    """What predictions of classes from features are worth."""
    if not len(test.features) or (v2 is not None and not len(v2.features)):
        raise DataError("there are no test pictures to classify")
    predictions = predict(test.features)
    yield measured("top1", predictions == _labels(test))
    if test.right is not None:
        yield measured("real", relabelled_hits(predictions, test.right))
    if v2 is not None:
        yield measured("v2", predict(v2.features) == _labels(v2))


def knn(
    train: Features,
    test: Features,
    v2: Features | None = None,
    neighbours: int = 20,
    device: torch.device | str = "cpu",
) -> Iterator[Measured]:
    """Classes of the nearest train pictures by the cosine of features, as DINO weighs them (Caron et al. 2021)."""
    labels = _labels(train)
    nearest = partial(nearest_classes, train.features, labels, neighbours=neighbours, device=device)
    return judge(nearest, test, v2)


def linear_probe(train: Features, test: Features, v2: Features | None = None, **options: Any) -> Iterator[Measured]:
    """A linear classifier on the features, trained by gradients; `options` are those of `evals.linear.fit_linear`."""
    classifier = fit_linear(train.features, _labels(train), **options)
    return judge(lambda features: predict(classifier, features), test, v2)


def zero_shot(
    towers: ReadsTexts, classes: Sequence[str], test: Features, v2: Features | None = None, prompts: str = "clip"
) -> Iterator[Measured]:
    """Each picture's class is the one whose texts are nearest: `prompts` names a set of `text.zero_shot`.

    `test` has the features of `towers.embed_images`.
    """
    for labels in (_labels(each) for each in (test, v2) if each is not None):
        if strange := labels[(labels < 0) | (labels >= len(classes))].tolist():
            counted = f"there are pictures of class {max(strange, key=abs)}, counted from 0"
            raise DataError(f"{len(classes)} classes are named, and {counted}")
    texts = class_embeddings(towers, classes, prompts)
    return judge(lambda features: nearest_texts(features, texts), test, v2)


def class_embeddings(towers: ReadsTexts, classes: Sequence[str], prompts: str) -> Tensor:
    """Unit embeddings `[C,E]`: the mean of the unit embeddings of a class' prompts (big_vision, CLIP).

    Prompts are canonical unless the towers say that theirs are not (`models.towers.Towers`).
    """
    if not classes:
        raise DataError("no class is named: there is nothing to choose from")
    by_class = prompts_of(prompts, classes, getattr(towers, "canonical_prompts", True))
    texts = embed_texts(towers, (text for each in by_class for text in each))
    means = torch.stack([part.mean(0) for part in texts.split([len(each) for each in by_class])])
    return nn.functional.normalize(means, dim=-1)


@torch.inference_mode()
def nearest_texts(features: NDArray[np.float32], texts: Tensor) -> NDArray[np.int64]:
    """For each row of features `[n,E]` the number of the nearest of `texts` `[C,E]`.

    Raises DataError where their widths differ, or they are not finite.
    """
    if features.shape[1] != texts.shape[1]:
        width = f"features of {features.shape[1]} numbers and texts of {texts.shape[1]} do not meet"
        raise DataError(f"{width}: were they made by the same towers?")
    found = []
    for start in range(0, len(features), ROWS):
        # a copy: torch warns of memory that must not be written to, and maps are such
        some = torch.from_numpy(np.array(features[start : start + ROWS], np.float32)).to(texts.device)
        found.append(largest((some @ texts.T).numpy(force=True)))
    return np.concatenate(found)


def largest(scores: NDArray[np.floating]) -> NDArray[np.int64]:
    """The class of the largest of each row's scores `[n,C]`. Raises DataError for some that are no numbers: NumPy calls
    NaN the largest.
    """
    demand_features(scores, "pictures, or the scores of classes that are made of them,")
    best: NDArray[np.int64] = scores.argmax(1)
    return best


def _labels(features: Features) -> NDArray[np.int64]:
    if features.labels is None:
        raise DataError("these features have no labels: they are of a set of captions, or of pictures alone")
    return features.labels
