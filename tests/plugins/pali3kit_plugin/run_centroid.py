"""Nearest class mean: how the stage runs."""

from __future__ import annotations

import json

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import DataError
from pali3kit.evals.features import Features
from pali3kit.evals.scores import EvalResult
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.feature_files import features_in
from pali3kit_plugin.centroid import Centroid, Config


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: the accuracy in percent, and for each test image whether it is right."""
    train, test = (features_in(context.parents[split], split) for split in ("train", "test"))
    if train.labels is None or test.labels is None:
        raise DataError("class means need labels")
    result = EvalResult.of_hits("top1", nearest_mean(train, test.features, config.options) == test.labels)
    metrics = {"value": result.value, "n": result.n, "samples": result.samples}
    (context.folder / "metrics.json").write_text(json.dumps(metrics))


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Nearly nothing: the features are there."""
    return StageCost(seconds=0.01)


def nearest_mean(train: Features, features: NDArray[np.float32], options: Centroid) -> NDArray[np.int64]:
    """For each row of `features` `[n,D]` the class whose mean is nearest."""
    assert train.labels is not None
    known, asked = (_normalised(each) if options.normalise else each for each in (train.features, features))
    classes = np.unique(train.labels)
    means = np.stack([known[train.labels == label].mean(0) for label in classes])
    means += options.shrinkage * (known.mean(0) - means)
    distances = (means**2).sum(1) - 2 * asked @ means.T  # less |asked|^2, which is the same for all classes
    nearest: NDArray[np.int64] = classes[distances.argmin(1)]
    return nearest


def _normalised(features: NDArray[np.float32]) -> NDArray[np.float32]:
    normalised: NDArray[np.float32] = features / np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    return normalised
