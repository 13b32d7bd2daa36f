"""Classes of the nearest neighbours, weighed by how near they are (Caron et al. 2021, DINO)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import DataError

TEMPERATURE = 0.07
ROWS = 256  # test features compared with all train features at once


def nearest_classes(
    train_features: NDArray[np.floating],
    train_labels: NDArray[np.integer],
    test_features: NDArray[np.floating],
    neighbours: int = 20,
    temperature: float = TEMPERATURE,
) -> NDArray[np.int64]:
    """The class of each test feature `[M,D]`, by the votes of its nearest train features `[N,D]`.

    A neighbour at the cosine c votes with exp(c / temperature). Of equal classes the lower one wins; of neighbours that
    are equally far the earlier ones count. Raises DataError where there are fewer train features than `neighbours`.
    """
    if len(train_features) < neighbours:
        raise DataError(f"{neighbours} neighbours asked of {len(train_features)} train pictures")
    classes, votes_for = np.unique(train_labels, return_inverse=True)
    gallery = _unit(train_features)
    found = []
    for start in range(0, len(test_features), ROWS):
        cosines = _unit(test_features[start : start + ROWS]) @ gallery.T
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :neighbours]
        weights = np.exp(np.take_along_axis(cosines, nearest, 1) / temperature)
        votes = np.zeros((len(cosines), len(classes)))
        for column in range(neighbours):
            votes[np.arange(len(votes)), votes_for[nearest[:, column]]] += weights[:, column]
        found.append(classes[votes.argmax(1)])
    return np.concatenate(found).astype(np.int64)


def _unit(features: NDArray[np.floating]) -> NDArray[np.float64]:
    x = np.asarray(features, np.float64)
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12))
