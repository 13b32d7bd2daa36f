"""LiT: train a text tower for a frozen image encoder (Zhai et al. 2022b), with the sigmoid loss.

The paper's Table 6 does so for every encoder, SigLIP's included, whose own text tower was trained on other texts.
"""

from __future__ import annotations

import torch

from pali3kit.config.component import Component
from pali3kit.config.stages import Lit
from pali3kit.models.two_towers import TwoTowers
from pali3kit.plan.kinds.lit import Config
from pali3kit.registry import TEXT_TOWER
from pali3kit.training.calibration import random_ids, training_cost
from pali3kit.training.components import Artifact, build_source, build_vision, save_text_tower, write_config
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.fit import fit
from pali3kit.training.modules import Batch, SigLIPModule
from pali3kit.training.optimizers import module_options
from pali3kit.training.pretraining_images import PretrainingImages
from pali3kit.training.skipped import Skipped
from pali3kit.vision.contract import VisionEncoder


def run(config: Config, context: StageContext) -> None:
    """Write `text_tower.safetensors`: the text tower, and the log-temperature and bias of the loss."""
    torch.manual_seed(context.seed)
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    vision, budget = Artifact(context.parents["vision"]).vision(), config.training
    images = PretrainingImages(
        build_source(config.source, config.image_size),
        vision.image_spec,
        context.seed,
        budget.batch_size,
        rank=context.execution.rank,
        ranks=context.execution.world_size,
    )
    module = _module(vision, budget, len(tokenizer), config.text_length, context.execution.contrastive_loss)
    if hasattr(module.model.text, "set_gradient_checkpointing"):  # a plug-in may lack it
        module.model.text.set_gradient_checkpointing(context.execution.gradient_checkpointing)
    skipped = Skipped(context, context.execution.max_bad_fraction, images.source)
    fit(module, lambda step: images.with_texts(step, tokenizer, config.text_length), budget, context, [skipped])
    described = save_text_tower(context.folder, module.model, _text_tower(budget), context.writes)
    if context.writes:
        write_config(context.folder, text_tower=described, image_encoder=context.parents["vision"].name)


def _text_tower(budget: Lit) -> Component:
    """The options of the text tower, which a stage's config always has."""
    assert budget.text is not None
    return budget.text


def _module(
    vision: VisionEncoder, budget: Lit, vocabulary: int, length: int, over_ranks: str = "gather"
) -> SigLIPModule:
    options = _text_tower(budget)
    sizes = {"vocabulary": vocabulary, "length": length, "out": vision.width}
    text = TEXT_TOWER.build(options.name, **sizes, **options.options)
    assert budget.bias is not None
    model = TwoTowers(vision, text, budget.temperature, budget.bias)
    return SigLIPModule(model, over_ranks, **module_options(budget.optimizer, ["vision.*"]))


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per pair, reading it included."""
    vision, budget = build_vision(sizes.vision, sizes.image_size), config.training
    images = PretrainingImages(build_source(config.source, config.image_size), vision.image_spec, 0, budget.batch_size)
    length = config.text_length

    def make(step: int) -> Batch:
        return {"images": images.alone(step), "ids": random_ids(sizes, budget.batch_size, length)}

    tokens = vision.native_grid[0] * vision.native_grid[1]
    return training_cost(_module(vision, budget, sizes.vocabulary_size, length), make, budget, tokens + length)
