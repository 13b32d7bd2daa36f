"""Evaluates zero-shot classification: images against the texts of the classes."""

from __future__ import annotations

from pali3kit.evals.classification import zero_shot
from pali3kit.models.towers import Towers
from pali3kit.plan.encoder import DualEncoderConfig
from pali3kit.plan.kinds.zero_shot import Config
from pali3kit.registry import TOWERS
from pali3kit.training.context import StageContext
from pali3kit.training.device import chosen_device
from pali3kit.training.feature_files import classes_in, features_in
from pali3kit.training.parts import build_part, read_trained_towers
from pali3kit.training.stages.measured import write_columns


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: `top1`, and `real` and `v2` if the set has them."""
    tests = {split: features_in(context.parents["test"], split) for split in config.splits}
    classes = classes_in(context.parents["test"], "test")
    results = zero_shot(read_towers(config, context), classes, **tests, prompts=config.prompts)
    write_columns(context.folder, {result.name: result for result in results})


def read_towers(config: DualEncoderConfig, context: StageContext) -> Towers:
    """The two-tower model: that of the parent, or the pretrained one that the config names."""
    if config.towers is not None:
        towers = build_part(TOWERS, config.towers)
    else:
        towers = read_trained_towers(context.parents["towers"], context.parents["tokenizer"])
    return towers.eval().to(chosen_device())
