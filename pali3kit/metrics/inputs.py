"""What every metric asks of its inputs: a number of nothing, of half of the samples or of NaN must never be printed."""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import DataError

ROWS = 4096  # of features that may lie in a file, checked at once


def require_pairs(predictions: Sized, truth: Sized, metric: str, of: str) -> None:
    """Raise DataError where there is not one prediction for each truth, or none at all; `of` is what each is of."""
    if len(predictions) != len(truth):
        raise DataError(f"{metric} needs one prediction per {of}: {len(predictions)} for {len(truth)} {of}s.")
    if not len(truth):
        raise DataError(f"{metric} of no {of}s is not defined.")


def require_texts(predictions: Sequence[str], references: Sequence[Sequence[str]], metric: str, of: str) -> None:
    """Raise DataError for predictions that are no texts, and for references that are none."""
    require_pairs(predictions, references, metric, of)
    for number, said in enumerate(predictions):
        if not isinstance(said, str):
            raise DataError(f"{metric} compares texts; the prediction of {of} {number} is {said!r}.")
    require_references(references, metric, of)


def require_references(references: Sequence[Sequence[str]], metric: str, of: str) -> None:
    """Raise DataError for references that are no list of texts, or an empty one.

    A text in the place of a list of texts would be read letter by letter.
    """
    for number, known in enumerate(references):
        if isinstance(known, str) or not all(isinstance(text, str) for text in known):
            raise DataError(f"{metric} compares with lists of texts; that of {of} {number} is {known!r}.")
        if not len(known):
            raise DataError(f"{metric} needs a reference for every {of}; {of} {number} of {len(references)} has none.")


def require_features(features: NDArray[np.floating], what: str, width: int | None = None) -> None:
    """Raise DataError for features that are not `[N,D]`, of another `width`, or not all finite: a part at a time."""
    if features.ndim != 2:
        raise DataError(f"the features of {what} are {list(features.shape)}, not [N, D].")
    if width is not None and features.shape[1] != width:
        raise DataError(f"the features of {what} have {features.shape[1]} numbers, the others {width}.")
    for start in range(0, len(features), ROWS):
        bad = ~np.isfinite(features[start : start + ROWS]).all(1)
        if bad.any():
            row = start + int(bad.argmax())
            raise DataError(f"the features of {what} are not all finite: row {row} of {len(features)}.")


def require_labels(features: Sized, labels: NDArray[np.integer], what: str) -> None:
    """Raise DataError where there is not one whole number for each row of features."""
    if labels.ndim != 1 or len(labels) != len(features):
        raise DataError(f"{len(features)} features and {list(labels.shape)} labels of {what} do not belong together.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"the labels of {what} are of the type {labels.dtype}, not whole numbers.")
