"""Evaluates the logits of a fine-tuned classifier."""

from __future__ import annotations

from pali3kit.evals.classification import from_logits
from pali3kit.plan.kinds.classify import Config
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.feature_files import features_in
from pali3kit.training.stages.measured import write_columns


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: `top1`, and `real` and `v2` if the set has them."""
    tests = {split: features_in(context.parents["test"], split) for split in config.splits}
    write_columns(context.folder, {result.name: result for result in from_logits(**tests)})


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """A constant: only the argmax of each row is computed."""
    return StageCost(0.0, 0.5)
