"""Evaluates the frozen encoder's features by a k-nearest-neighbour classifier."""

from __future__ import annotations

from pali3kit.evals.classification import knn
from pali3kit.plan.kinds.knn import Config
from pali3kit.training.context import StageContext
from pali3kit.training.device import chosen_device
from pali3kit.training.feature_files import features_in
from pali3kit.training.stages.measured import write_columns


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: `top1`, and `real` and `v2` if the set has them."""
    train = features_in(context.parents["train"], "train")
    tests = {split: features_in(context.parents["test"], split) for split in config.splits}
    results = knn(train, **tests, neighbours=config.neighbours, device=chosen_device())
    write_columns(context.folder, {result.name: result for result in results})
