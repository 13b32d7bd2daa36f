"""Stage 2: the whole model, including the encoder, is trained on larger images (paper.md §2.3).

Each resolution of the curriculum is an artifact, from which the next one continues.
"""

from __future__ import annotations

import torch

from pali3kit.data.mixture import tempered
from pali3kit.plan.kinds.resolution import Config
from pali3kit.training.context import Cost, Sizes, StageContext
from pali3kit.training.freeze import freeze_unreached
from pali3kit.training.joint import cost, pixel_images, train_pali
from pali3kit.training.parts import (
    ENCODER,
    read_pali,
    read_parts,
    read_tokenizer,
    read_vision,
    save_model,
)
from pali3kit.weights.files import save_weights


def run(config: Config, context: StageContext) -> None:
    """Write `vision.safetensors`, and the `weights.safetensors` of projector and language model."""
    budget = config.training
    model = read_pali(context.parents["model"], read_tokenizer(context.parents["tokenizer"]), context.execution)
    vision = read_vision(context.parents["vision"], config.image_size)
    side = config.image_size
    freeze_unreached(vision, vision(torch.zeros(1, 3, side, side)))  # its head: PaLI reads tokens before pooling
    vision.set_gradient_checkpointing(context.execution.recompute)
    weights = tempered(budget.mixture, budget.temperature)
    train_pali(model, config, context, budget, weights, pixel_images(config, vision))
    save_weights(vision, context.folder / ENCODER, context.writes)
    parts = read_parts(context.parents["model"]) | {"vision": read_parts(context.parents["vision"])["vision"]}
    save_model(context.folder, model, context.writes, **parts | {"image_size": config.image_size})


def calibrate(config: Config, sizes: Sizes) -> Cost:
    """Seconds per example, including the drawing of its images."""
    return cost(config, sizes, config.training, learns=True)
