"""The few-shot probe of the frozen encoder, on the source's small classification tasks."""

from __future__ import annotations

import json
from typing import Any

from pali3kit.evals.probes import few_shot_probe, pooled_features
from pali3kit.training.calibration import median_seconds
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.parts import build_source, build_vision, read_vision


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `metrics.json`: the mean accuracy over tasks and draws, and each task's."""
    vision = read_vision(context.parents["vision"])
    tasks = list(build_source(config).probes())
    extra: dict[str, float] = {}
    samples: list[float] = []
    n = 0
    for name, accuracies, count in few_shot_probe(vision, tasks, config["shots"], config["draws"], context.seed):
        extra[name] = sum(accuracies) / len(accuracies)
        samples += accuracies
        n += count
        context.report(len(extra), len(tasks), accuracy=extra[name])
    metrics = {"value": sum(extra.values()) / len(extra), "n": n, "extra": extra, "samples": samples}
    (context.folder / "metrics.json").write_text(json.dumps(metrics, indent=1))


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """A fixed cost: all pictures through the encoder; the draws are cheap."""
    vision = build_vision(config)
    images = [image for _, arrays in build_source(config).probes() for image in (arrays[0], arrays[2])]
    some = images[0][:128]
    seconds = median_seconds(lambda number: pooled_features(vision, some)) / len(some)
    return Cost(0.0, 2.0 + seconds * sum(map(len, images)))
