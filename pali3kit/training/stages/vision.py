"""Stage 0a: the vision encoder, pretrained by classification or by SigLIP, or not trained.

Both arms see the same images in the same order; only the supervision differs. Without training it is the random control
(`random`) or a pretrained encoder of another project (`pretrained`).
"""

from __future__ import annotations

from dataclasses import asdict

import torch

from pali3kit.config.stages import VisionPretraining
from pali3kit.data.source import Source
from pali3kit.models.classifier import Classifier
from pali3kit.models.two_towers import TwoTowers
from pali3kit.nn.transformer import TransformerEncoder
from pali3kit.plan.kinds.vision import ENCODER_SIZE, Config
from pali3kit.registry import TEXT_TOWER
from pali3kit.training.calibration import random_ids, training_cost
from pali3kit.training.components import (
    Artifact,
    build_source,
    build_vision,
    save_load_report,
    save_text_tower,
    without_pretrained,
    write_config,
)
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.fit import fit
from pali3kit.training.loader import MakeBatch
from pali3kit.training.modules import Batch, ClassifierModule, SigLIPModule, StageModule
from pali3kit.training.optimizers import module_options
from pali3kit.training.pretraining_images import PretrainingImages
from pali3kit.training.skipped import Skipped
from pali3kit.training.vision_size import size_of_encoder
from pali3kit.types import Json
from pali3kit.vision.contract import VisionEncoder
from pali3kit.vision.vit import ViT
from pali3kit.weights.files import save_weights


def run(config: Config, context: StageContext) -> None:
    """Write the encoder's `weights.safetensors`, and of SigLIP also `text_tower.safetensors`; other heads are
    dropped.
    """
    torch.manual_seed(context.seed)
    vision = build_vision(config.vision, config.image_size)
    own = {"vision": without_pretrained(config.vision), "image_spec": asdict(vision.image_spec)}
    described: dict[str, Json] = {**own, "image_size": config.image_size}
    if not isinstance(vision, ViT) and (size := size_of_encoder(vision)):
        described[ENCODER_SIZE] = size
    if context.writes:
        save_load_report(vision, context.folder)
    if (budget := config.training) is not None:
        images = _images(config, vision, budget, context)
        module, make = _arm(config, context, images, vision, budget)
        for encoder in module.modules():
            if isinstance(encoder, TransformerEncoder):
                encoder.gradient_checkpointing = context.execution.gradient_checkpointing
        skipped = Skipped(context, context.execution.max_bad_fraction, images.source)
        fit(module, make, budget, context, [skipped])
        if isinstance(module, SigLIPModule):
            described["text_tower"] = save_text_tower(context.folder, module.model, budget.text, context.writes)
    save_weights(vision, context.folder / "weights.safetensors", context.writes)
    if context.writes:
        write_config(context.folder, **described)


def _images(
    config: Config, vision: VisionEncoder, budget: VisionPretraining, context: StageContext
) -> PretrainingImages:
    return PretrainingImages(
        _source(config),
        vision.image_spec,
        context.seed,
        budget.batch_size,
        crop=budget.crop,
        flip=budget.flip,
        rank=context.execution.rank,
        ranks=context.execution.world_size,
    )


def _arm(
    config: Config, context: StageContext, images: PretrainingImages, vision: VisionEncoder, budget: VisionPretraining
) -> tuple[StageModule, MakeBatch]:
    """The module of one arm, and its batches."""
    if config.pretrain == "classif":
        return _classification(images, vision, budget)
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    module = _contrast(vision, budget, len(tokenizer), context.execution.contrastive_loss)
    return module, lambda step: images.with_texts(step, tokenizer, budget.text_length)


def _classification(
    images: PretrainingImages, vision: VisionEncoder, budget: VisionPretraining
) -> tuple[StageModule, MakeBatch]:
    """The classification arm: multi-label over the source's classes."""
    images = images.telling("labels")
    classes = len(images.source.classes)
    options = module_options(budget.optimizer, budget.freeze)
    module = ClassifierModule(Classifier(vision, classes, budget.head_bias), budget.loss, **options)
    return module, lambda step: images.with_labels(step, classes)


def _contrast(
    vision: VisionEncoder, budget: VisionPretraining, vocabulary: int, over_ranks: str = "gather"
) -> SigLIPModule:
    """The contrastive arm, with a text tower over `vocabulary` ids."""
    shared = {"vocabulary": vocabulary, "length": budget.text_length, "out": vision.width}
    text = TEXT_TOWER.build(budget.text.name, **shared, **budget.text.options)
    model = TwoTowers(vision, text, budget.temperature, budget.bias)
    return SigLIPModule(model, over_ranks, **module_options(budget.optimizer, budget.freeze))


def _source(config: Config) -> Source:
    assert config.source is not None
    return build_source(config.source, config.image_size)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per image, reading it included."""
    if (budget := config.training) is None:
        return StageCost(0.0, 1.0)
    vision = build_vision(config.vision, config.image_size)
    tokens = vision.native_grid[0] * vision.native_grid[1]
    images = PretrainingImages(_source(config), vision.image_spec, 0, budget.batch_size)
    if config.pretrain == "classif":
        return training_cost(*_classification(images, vision, budget), budget, tokens)

    def make(step: int) -> Batch:
        ids = random_ids(sizes, budget.batch_size, budget.text_length)
        return {"images": images.alone(step), "ids": ids}

    module = _contrast(vision, budget, sizes.vocabulary_size)
    return training_cost(module, make, budget, tokens + budget.text_length)
