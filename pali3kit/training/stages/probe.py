"""The few-shot probe of the frozen encoder, on the source's small classification tasks."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pali3kit.evals.probes import few_shot_probe, pooled_features
from pali3kit.training.calibration import fastest_seconds
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.device import chosen_device
from pali3kit.training.parts import build_source, build_vision, read_vision


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `metrics.json`: the mean accuracy over tasks and draws, and each task's."""
    vision = read_vision(context.parents["vision"]).to(chosen_device())
    tasks = list(build_source(config).probes())
    hits: dict[str, NDArray[np.bool_]] = {}
    for name, right in few_shot_probe(vision, tasks, config["shots"], config["draws"], context.seed):
        hits[name] = right
        context.report(len(hits), len(tasks), accuracy=100 * float(right.mean()))
    extra = {name: 100 * float(right.mean()) for name, right in hits.items()}
    samples = weighted_samples(hits.values())
    metrics = {"value": sum(extra.values()) / len(extra), "n": len(samples), "extra": extra, "samples": samples}
    (context.folder / "metrics.json").write_text(json.dumps(metrics, indent=1))


def weighted_samples(hits: Collection[NDArray[np.bool_]]) -> list[float]:
    """One number for each test image, the mean over draws, weighed so that their mean is the mean over tasks."""
    images = sum(right.shape[1] for right in hits)
    return [100 * float(share) * images / (len(hits) * right.shape[1]) for right in hits for share in right.mean(0)]


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """A fixed cost: all pictures through the encoder; the draws are cheap."""
    vision = build_vision(config)
    images = [image for _, arrays in build_source(config).probes() for image in (arrays[0], arrays[2])]
    some = images[0][:128]
    seconds = fastest_seconds(lambda number: pooled_features(vision, some)) / len(some)
    return Cost(0.0, 2.0 + seconds * sum(map(len, images)))
