"""Evaluates the frozen encoder by a few-shot linear probe on small classification tasks."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import numpy as np

from pali3kit.evals.probes import few_shot_probe
from pali3kit.evals.scores import EvalResult
from pali3kit.plan.kinds.probe import Config
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.feature_files import features_in


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: the mean accuracy over sets and repeats, of each set, and per number of shots."""
    shots = sorted({config.shots, *config.curve})
    found: dict[str, dict[str, EvalResult]] = {}
    for name in config.sets:
        train, test = (features_in(context.parents[name], split) for split in ("train", "test"))
        found[name] = {one.name: one for one in few_shot_probe(train, test, shots, config.repeats, context.seed)}
        context.report(len(found), len(config.sets), accuracy=found[name][f"{config.shots}-shot"].value)
    chosen = {name: results[f"{config.shots}-shot"] for name, results in found.items()}
    curve = {f"{k}-shot": float(np.mean([one[f"{k}-shot"].value for one in found.values()])) for k in shots}
    samples = _weighted_samples([one.samples for one in chosen.values()])
    metrics = {
        "value": float(np.mean([one.value for one in chosen.values()])),
        "n": len(samples),
        "extra": {name: one.value for name, one in chosen.items()},
        "curve": curve,
        "samples": samples,
    }
    (context.folder / "metrics.json").write_text(json.dumps(metrics, indent=1))


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """A constant: a few thousand shots of each set, three times per number of shots."""
    return StageCost(0.1, 0.5)


def _weighted_samples(sets: Collection[Sequence[float]]) -> list[float]:
    """One number per test image, weighted so that their mean is the mean over the sets."""
    images = sum(map(len, sets))
    return [sample * images / (len(sets) * len(samples)) for samples in sets for sample in samples]
