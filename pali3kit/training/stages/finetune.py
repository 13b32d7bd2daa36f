"""Full fine-tuning of the encoder as a classifier, as in the paper's Table 6 on ImageNet at 518 pixels."""

from __future__ import annotations

import torch

from pali3kit.config.stages import Finetune
from pali3kit.data.sets.endless import EndlessSet
from pali3kit.models.classifier import Classifier
from pali3kit.plan.kinds.finetune import Config
from pali3kit.plan.kinds.vision import ENCODER_SIZE
from pali3kit.training.calibration import training_cost
from pali3kit.training.components import Artifact, build_vision, save_model
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.fit import fit
from pali3kit.training.loader import MakeBatch
from pali3kit.training.modules import ClassifierModule
from pali3kit.training.optimizers import module_options
from pali3kit.training.pretraining_images import PretrainingImages
from pali3kit.training.skipped import Skipped
from pali3kit.training.stages.embed import build_labelled
from pali3kit.vision.contract import VisionEncoder


def run(config: Config, context: StageContext) -> None:
    """Write the classifier's `weights.safetensors`; positions are resampled for another image size."""
    torch.manual_seed(context.seed)
    pretrained = Artifact(context.parents["vision"])
    vision = pretrained.vision(config.image_size)
    vision.set_gradient_checkpointing(context.execution.gradient_checkpointing)
    budget = config.training
    source = EndlessSet(build_labelled(config))
    module, make = _module(vision, source, budget, context.seed, context.execution.rank, context.execution.world_size)
    fit(module, make, budget, context, [Skipped(context, context.execution.max_bad_fraction)])
    dropped = ("text_tower", ENCODER_SIZE)  # its size is that for its own images
    kept = {key: value for key, value in pretrained.config.items() if key not in dropped}
    described = {**kept, "image_size": config.image_size, "classes": len(source.classes)}
    save_model(context.folder, module.model, context.writes, **described)


def _module(
    vision: VisionEncoder, source: EndlessSet, budget: Finetune, seed: int, rank: int = 0, ranks: int = 1
) -> tuple[ClassifierModule, MakeBatch]:
    """A softmax classifier over the set's classes with zero initial logits, and its batches."""
    spec, options = vision.image_spec, {"crop": budget.crop, "flip": budget.flip, "rank": rank, "ranks": ranks}
    images = PretrainingImages(source, spec, seed, budget.batch_size, **options)  # type: ignore[arg-type]
    classifier = Classifier(vision, len(source.classes), head_bias=0.0)
    module = ClassifierModule(classifier, "softmax", **module_options(budget.optimizer))
    return module, lambda step: images.with_labels(step, len(source.classes))


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per image, reading it included."""
    vision, budget = build_vision(sizes.vision, sizes.image_size), config.training
    tokens = vision.native_grid[0] * vision.native_grid[1]
    return training_cost(*_module(vision, EndlessSet(build_labelled(config)), budget, 0), budget, tokens)
