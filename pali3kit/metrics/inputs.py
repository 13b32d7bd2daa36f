"""Checks of metrics' inputs: no metric returns a number for no samples, for part of the samples, or for NaN."""

from __future__ import annotations

from collections.abc import Sequence, Sized

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import DataError

ROWS = 4096  # rows of perhaps memory-mapped features that are checked at a time


def require_pairs(predictions: Sized, truth: Sized, metric: str, of: str) -> None:
    """Raise DataError unless there is one prediction for each truth, and any at all; `of` names one sample."""
    if len(predictions) != len(truth):
        raise DataError(f"{metric} needs one prediction per {of}: {len(predictions)} for {len(truth)} {of}s.")
    if not len(truth):
        raise DataError(f"{metric} of no {of}s is not defined.")


def require_texts(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    metric: str,
    of: str,
    *others: Sequence[Sequence[str]],
) -> None:
    """Raise DataError unless each prediction is a text and has a list of reference texts that is not empty.

    `others` are further references, of which any number is right.
    """
    require_pairs(predictions, references, metric, of)
    for number, text in enumerate(predictions):
        if not isinstance(text, str):
            raise DataError(f"{metric} compares texts; the prediction of {of} {number} is {text!r}.")
    for each in (references, *others):
        _require_references(each, metric, of)


def _require_references(references: Sequence[Sequence[str]], metric: str, of: str) -> None:
    """Raise DataError unless each of `references` is a list of texts that is not empty.

    A text in place of a list would be read letter by letter.
    """
    for number, texts in enumerate(references):
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            raise DataError(f"{metric} compares with lists of texts; that of {of} {number} is {texts!r}.")
        if not len(texts):
            raise DataError(f"{metric} needs a reference for every {of}; {of} {number} of {len(references)} has none.")


def require_features(features: NDArray[np.floating], what: str, width: int | None = None) -> None:
    """Raise DataError unless features are `[N,D]`, finite, and of the `width` that is asked for."""
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
    """Raise DataError unless there is one whole number for each row of features."""
    if labels.ndim != 1 or len(labels) != len(features):
        raise DataError(f"{len(features)} features of {what} need as many labels, not {list(labels.shape)}.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"the labels of {what} are of the type {labels.dtype}, not whole numbers.")
