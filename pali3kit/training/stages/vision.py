"""Stage 0a: the vision encoder, pretrained by classification or by SigLIP, or not trained.

Both arms see the same images in the same order; only the supervision differs. Without training it is the random control
(`random`) or a pretrained encoder of another project (`pretrained`).
"""

from __future__ import annotations

import torch

from pali3kit.config.stages import VisionPretraining
from pali3kit.data.source import Source
from pali3kit.models.classifier import Classifier
from pali3kit.models.two_towers import TwoTowers
from pali3kit.nn.transformer import TransformerEncoder
from pali3kit.plan.kinds.vision import Config
from pali3kit.registry import TEXT_TOWER
from pali3kit.training.calibration import random_ids, training_cost
from pali3kit.training.context import Cost, Sizes, StageContext
from pali3kit.training.fit import MakeBatch, fit
from pali3kit.training.modules import Batch, ClassifierModule, SigLIPModule, StageModule
from pali3kit.training.parts import (
    build_source,
    build_vision,
    describe_towers,
    read_tokenizer,
    save_load_report,
    without_pretrained,
    write_parts,
)
from pali3kit.training.pictures import PretrainingImages
from pali3kit.training.skipped import Skipped
from pali3kit.types import Json
from pali3kit.vision.contract import VisionEncoder
from pali3kit.weights.files import save_weights


def run(config: Config, context: StageContext) -> None:
    """Write the encoder's `weights.safetensors`, and of SigLIP also `towers.safetensors`; other heads are dropped."""
    torch.manual_seed(context.seed)
    vision = build_vision(config.vision, config.image_size)
    parts: dict[str, Json] = {"vision": without_pretrained(config.vision), "image_size": config.image_size}
    if context.writes:
        save_load_report(vision, context.folder)
    if (budget := config.training) is not None:
        pictures = _pictures(config, vision, budget, context)
        module, make = _arm(config, context, pictures, vision, budget)
        for encoder in module.modules():
            if isinstance(encoder, TransformerEncoder):
                encoder.checkpointing = context.execution.recompute
        module.hold(budget.freeze)
        skipped = Skipped(context, context.execution.most_bad, pictures.source.damages)
        fit(module, make, budget, context, [skipped])
        if isinstance(module, SigLIPModule):
            parts["towers"] = describe_towers(module.model, budget.text)
            save_weights(module.model, context.folder / "towers.safetensors", context.writes)
    save_weights(vision, context.folder / "weights.safetensors", context.writes)
    if context.writes:
        write_parts(context.folder, **parts)


def _pictures(
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
        ranks=context.execution.ranks,
    )


def _arm(
    config: Config, context: StageContext, pictures: PretrainingImages, vision: VisionEncoder, budget: VisionPretraining
) -> tuple[StageModule, MakeBatch]:
    """The module of one arm, and its batches."""
    if config.pretrain == "classif":
        return _classification(pictures, vision, budget)
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    module = _contrast(vision, budget, len(tokenizer))
    return module, lambda step: pictures.with_texts(step, tokenizer, budget.text_length)


def _classification(
    pictures: PretrainingImages, vision: VisionEncoder, budget: VisionPretraining
) -> tuple[StageModule, MakeBatch]:
    """The classification arm: multi-label over the source's classes."""
    pictures = pictures.telling("labels")
    classes = len(pictures.source.classes)
    module = ClassifierModule(Classifier(vision, classes, budget.head_bias), budget.loss)
    return module, lambda step: pictures.with_labels(step, classes)


def _contrast(vision: VisionEncoder, budget: VisionPretraining, vocabulary: int) -> SigLIPModule:
    """The contrastive arm, with a text tower over `vocabulary` ids."""
    shared = {"vocabulary": vocabulary, "length": budget.text_length, "out": vision.width}
    text = TEXT_TOWER.build(budget.text.name, **shared, **budget.text.options)
    return SigLIPModule(TwoTowers(vision, text, budget.temperature, budget.bias))


def _source(config: Config) -> Source:
    assert config.source is not None
    return build_source(config.source, config.image_size)


def calibrate(config: Config, sizes: Sizes) -> Cost:
    """Seconds per image, reading it included."""
    if (budget := config.training) is None:
        return Cost(0.0, 1.0)
    vision = build_vision(config.vision, config.image_size)
    tokens = vision.native_grid[0] * vision.native_grid[1]
    pictures = PretrainingImages(_source(config), vision.image_spec, 0, budget.batch_size)
    if config.pretrain == "classif":
        return training_cost(*_classification(pictures, vision, budget), budget, tokens)

    def make(step: int) -> Batch:
        ids = random_ids(sizes, budget.batch_size, budget.text_length)
        return {"images": pictures.alone(step), "ids": ids}

    module = _contrast(vision, budget, sizes.vocabulary_size)
    return training_cost(module, make, budget, tokens + budget.text_length)
