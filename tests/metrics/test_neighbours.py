"""Nearest neighbours."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from pali3kit.errors import DataError
from pali3kit.metrics import neighbours
from pali3kit.metrics.neighbours import nearest_classes


def test_it_is_scikit_learns_with_the_same_weights() -> None:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(6, 12))
    labels, truth = rng.integers(0, 6, 300), rng.integers(0, 6, 700)
    train, test = (centres[each] + 1.5 * rng.normal(size=(len(each), 12)) for each in (labels, truth))
    reference = KNeighborsClassifier(
        15, metric="cosine", algorithm="brute", weights=lambda distances: np.exp((1 - distances) / 0.1)
    )
    expected = reference.fit(train, labels * 10).predict(test)
    found = nearest_classes(train, labels * 10, test, neighbours=15, temperature=0.1)
    np.testing.assert_array_equal(found, expected)
    assert 0.4 < (found == truth * 10).mean() < 0.95


def test_a_case_by_hand() -> None:
    train = np.array([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8], [0.0, 1.0]])
    labels = np.array([7, 4, 4, 7])
    # The nearest to the first axis is of class 7; the next two, of class 4, outweigh it only at a high temperature.
    query = np.array([[1.0, 0.0]])
    assert nearest_classes(train, labels, query, neighbours=3, temperature=0.07).tolist() == [7]
    assert nearest_classes(train, labels, query, neighbours=3, temperature=10.0).tolist() == [4]
    assert nearest_classes(train, labels, query, neighbours=1).tolist() == [7]


def test_more_neighbours_than_images_are_refused() -> None:
    with pytest.raises(DataError, match="neighbours are 1 to 3, the number of train images, not 20"):
        nearest_classes(np.eye(3), np.arange(3), np.eye(3))


def test_parts_of_the_gallery_give_what_the_whole_gives(monkeypatch):
    rng = np.random.default_rng(1)
    train, test, labels = rng.normal(size=(90, 8)), rng.normal(size=(50, 8)), rng.integers(0, 4, 90)
    whole = nearest_classes(train, labels, test, neighbours=30)
    monkeypatch.setattr(neighbours, "GALLERY", 20)  # fewer than the neighbours
    monkeypatch.setattr(neighbours, "QUERIES", 7)
    np.testing.assert_array_equal(nearest_classes(train, labels, test, neighbours=30), whole)
