"""Evaluates the frozen encoder's features by a linear classifier, trained by gradient descent."""

from __future__ import annotations

from dataclasses import asdict

from pali3kit.evals.classification import linear_probe
from pali3kit.plan.kinds.linear import Config
from pali3kit.training.context import StageContext
from pali3kit.training.device import chosen_device
from pali3kit.training.feature_files import features_in
from pali3kit.training.stages.measured import write_columns


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: `top1`, and `real` and `v2` if the set has them."""
    train = features_in(context.parents["train"], "train")
    tests = {split: features_in(context.parents["test"], split) for split in config.splits}
    results = linear_probe(train, **tests, **asdict(config.classifier), seed=context.seed, device=chosen_device())
    write_columns(context.folder, {result.name: result for result in results})
