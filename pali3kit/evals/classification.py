"""Classification from features: by logits, nearest neighbours, a linear classifier, or the texts of the classes.

Each evaluator yields `top1`; `real` where the test images were relabelled (ReaL, without the images that no label
fits); and `v2`, the top-1 on a second test set of the same classes, where there is one.
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
from pali3kit.evals.features import Features, TextEmbedder, embed_texts
from pali3kit.evals.linear import LinearClassifier
from pali3kit.evals.scores import EvalResult
from pali3kit.metrics.classification import relabelled_hits
from pali3kit.metrics.inputs import require_features
from pali3kit.metrics.neighbours import nearest_classes
from pali3kit.text.zero_shot import class_prompts

ROWS = 4096  # features compared with the classes at a time
Predict = Callable[[NDArray[np.float32]], NDArray[np.int64]]


def _evaluate(predict: Predict, test: Features, v2: Features | None = None) -> Iterator[EvalResult]:
    """Yield the accuracies of a function from features `[n,D]` to classes `[n]`."""
    if not len(test.features) or (v2 is not None and not len(v2.features)):
        raise DataError("there are no test images to classify")
    predictions = predict(test.features)
    yield EvalResult.of_hits("top1", predictions == _labels(test))
    if test.right is not None:
        yield EvalResult.of_hits("real", relabelled_hits(predictions, test.right))
    if v2 is not None:
        yield EvalResult.of_hits("v2", predict(v2.features) == _labels(v2))


def from_logits(test: Features, v2: Features | None = None) -> Iterator[EvalResult]:
    """Classify by the largest of the logits that a trained classifier returned as features `[n,C]`."""
    return _evaluate(_argmax, test, v2)


def knn(
    train: Features,
    test: Features,
    v2: Features | None = None,
    neighbours: int = 20,
    device: torch.device | str = "cpu",
) -> Iterator[EvalResult]:
    """Classify by the nearest train images in cosine similarity, weighted as in DINO (Caron et al. 2021)."""
    labels = _labels(train)
    predict = partial(nearest_classes, train.features, labels, neighbours=neighbours, device=device)
    return _evaluate(predict, test, v2)


def linear_probe(train: Features, test: Features, v2: Features | None = None, **options: Any) -> Iterator[EvalResult]:
    """Train a linear classifier on the features; `options` are those of `evals.linear.LinearClassifier.fit`."""
    classifier = LinearClassifier.fit(train.features, _labels(train), **options)
    return _evaluate(classifier.predict, test, v2)


def zero_shot(
    towers: TextEmbedder, classes: Sequence[str], test: Features, v2: Features | None = None, prompts: str = "clip"
) -> Iterator[EvalResult]:
    """Choose for each image the class whose prompts are nearest; `prompts` names a set of `text.zero_shot`.

    `test` and `v2` hold the features that the same model's `embed_images` returned.
    """
    for labels in (_labels(each) for each in (test, v2) if each is not None):
        if unknown := labels[(labels < 0) | (labels >= len(classes))].tolist():
            label = max(unknown, key=abs)
            raise DataError(f"there are {len(classes)} class names, but an image has the label {label}, counted from 0")
    texts = _class_embeddings(towers, classes, prompts)
    return _evaluate(lambda features: _nearest_texts(features, texts), test, v2)


def _class_embeddings(towers: TextEmbedder, classes: Sequence[str], prompts: str) -> Tensor:
    """Unit embeddings `[C,E]`: the normalised mean of the unit embeddings of a class's prompts (big_vision, CLIP).

    Prompts are canonicalised unless the model's `canonical_prompts` is False (`models.dual_encoder.DualEncoder`).
    """
    if not classes:
        raise DataError("there are no class names to choose from")
    by_class = class_prompts(prompts, classes, getattr(towers, "canonical_prompts", True))
    texts = embed_texts(towers, (text for each in by_class for text in each))
    means = torch.stack([part.mean(0) for part in texts.split([len(each) for each in by_class])])
    return nn.functional.normalize(means, dim=-1)


@torch.inference_mode()
def _nearest_texts(features: NDArray[np.float32], texts: Tensor) -> NDArray[np.int64]:
    """For each row of features `[n,E]` the number of the nearest of `texts` `[C,E]`.

    Raises DataError where their widths differ, or they are not finite.
    """
    if features.shape[1] != texts.shape[1]:
        widths = f"image features have {features.shape[1]} numbers, text features {texts.shape[1]}"
        raise DataError(f"{widths}: they are not of the same model")
    classes = []
    for start in range(0, len(features), ROWS):
        # copied, as torch warns of read-only memory, which memory-mapped features are
        part = torch.from_numpy(np.array(features[start : start + ROWS], np.float32)).to(texts.device)
        classes.append(_argmax((part @ texts.T).numpy(force=True)))
    return np.concatenate(classes)


def _argmax(logits: NDArray[np.floating]) -> NDArray[np.int64]:
    """The argmax of each row of `[n,C]`. Raises DataError for logits that are not finite: NumPy's argmax returns NaN's
    place.
    """
    require_features(logits, "images, or the class scores computed from them,")
    classes: NDArray[np.int64] = logits.argmax(1)
    return classes


def _labels(features: Features) -> NDArray[np.int64]:
    if features.labels is None:
        raise DataError("these features have no labels: they are of a set of captions, or of images alone")
    return features.labels
