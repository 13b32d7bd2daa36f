"""Evaluates zero-shot classification: images against the texts of the classes."""

from __future__ import annotations

from pali3kit.evals.classification import zero_shot
from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.plan.encoder import DualEncoderConfig
from pali3kit.plan.kinds.zero_shot import Config
from pali3kit.registry import DUAL_ENCODER
from pali3kit.training.components import Artifact, build_component
from pali3kit.training.context import StageContext
from pali3kit.training.device import chosen_device
from pali3kit.training.feature_files import classes_in, features_in
from pali3kit.training.stages.measured import write_columns


def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: `top1`, and `real` and `v2` if the set has them."""
    tests = {split: features_in(context.parents["test"], split) for split in config.splits}
    classes = classes_in(context.parents["test"], "test")
    results = zero_shot(read_text_encoder(config, context), classes, **tests, prompts=config.prompts)
    write_columns(context.folder, {result.name: result for result in results})


def read_text_encoder(config: DualEncoderConfig, context: StageContext) -> DualEncoder:
    """The dual encoder of the parent without its image encoder, or the pretrained one that the config names."""
    if config.dual_encoder is not None:
        dual_encoder: DualEncoder = build_component(DUAL_ENCODER, config.dual_encoder)
    else:
        tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
        dual_encoder = Artifact(context.parents["dual_encoder"]).dual_encoder(tokenizer, images=False)
    return dual_encoder.eval().to(chosen_device())
