"""The whole encoder as a classifier: full fine-tuning, as the paper's Table 6 has it on ImageNet at 518 pixels."""

from __future__ import annotations

import torch

from pali3kit.config.stages import Finetune
from pali3kit.data.sets.endless import EndlessSet
from pali3kit.models.classifier import Classifier
from pali3kit.plan.kinds.finetune import Config
from pali3kit.training.calibration import training_cost
from pali3kit.training.context import Cost, Sizes, StageContext
from pali3kit.training.fit import MakeBatch, fit
from pali3kit.training.modules import ClassifierModule
from pali3kit.training.parts import build_vision, publish, read_parts, read_vision
from pali3kit.training.pictures import PretrainingImages
from pali3kit.training.skipped import Skipped
from pali3kit.training.stages.embed import build_labelled
from pali3kit.vision.contract import VisionEncoder


def run(config: Config, context: StageContext) -> None:
    """Write the classifier's `weights.safetensors`; its positions are resampled where pictures grow."""
    torch.manual_seed(context.seed)
    vision = read_vision(context.parents["vision"], config.image_size)
    vision.recompute(context.execution.recompute)
    budget = config.training
    source = EndlessSet(build_labelled(config))
    module, make = _module(vision, source, budget, context.seed, context.execution.rank, context.execution.ranks)
    fit(module, make, budget, context, [Skipped(context, context.execution.most_bad)])
    described = {**read_parts(context.parents["vision"]), "image_size": config.image_size}
    described.pop("towers", None)
    publish(context.folder, module.model, context.writes, **described, classes=len(source.classes))


def _module(
    vision: VisionEncoder, source: EndlessSet, budget: Finetune, seed: int, rank: int = 0, ranks: int = 1
) -> tuple[ClassifierModule, MakeBatch]:
    """Softmax over the set's classes, which all are as likely at first."""
    spec, view = vision.image_spec, {"crop": budget.crop, "flip": budget.flip, "rank": rank, "ranks": ranks}
    pictures = PretrainingImages(source, spec, seed, budget.batch_size, **view)  # type: ignore[arg-type]
    module = ClassifierModule(Classifier(vision, len(source.classes), head_bias=0.0), "softmax")
    return module, lambda step: pictures.with_labels(step, len(source.classes))


def calibrate(config: Config, sizes: Sizes) -> Cost:
    """Seconds per picture, drawing it included."""
    vision, budget = build_vision(sizes.vision, sizes.image_size), config.training
    tokens = vision.native_grid[0] * vision.native_grid[1]
    return training_cost(*_module(vision, EndlessSet(build_labelled(config)), budget, 0), budget, tokens)
