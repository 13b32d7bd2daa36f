"""Stage 2: the whole model, the encoder too, learns from larger pictures (paper.md §2.3).

One artifact for each size of the curriculum; the next one continues it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pali3kit.config.schema import Multimodal
from pali3kit.data.source import Source
from pali3kit.training.calibration import PROMPT, TARGET, random_pairs, random_pali, training_cost
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.freeze import freeze_unreached
from pali3kit.training.joint import Sight, train
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.parts import (
    ENCODER,
    build_source,
    build_vision,
    publish,
    read_budget,
    read_pali,
    read_parts,
    read_tokenizer,
    read_vision,
)
from pali3kit.vision.vit import ViT
from pali3kit.weights.files import save_weights


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write `vision.safetensors`, and the `weights.safetensors` of projector and language model."""
    budget = read_budget(Multimodal, config["training"])
    model = read_pali(context.parents["model"], read_tokenizer(context.parents["tokenizer"]), context.execution)
    vision = read_vision(context.parents["vision"], config["image_size"])
    side = config["image_size"]
    freeze_unreached(vision, vision(torch.zeros(1, 3, side, side)))  # its head: PaLI reads tokens before pooling
    vision.recompute(context.execution.recompute)
    model.vision = vision
    train(model, config, context, budget, budget.mixture, pictures(build_source(config), vision, config["count"]))
    model.vision = None
    save_weights(vision, context.folder / ENCODER, context.writes)
    parts = read_parts(context.parents["model"]) | {"vision": read_parts(context.parents["vision"])["vision"]}
    publish(context.folder, model, context.writes, **parts | {"image_size": config["image_size"]})


def pictures(source: Source, vision: ViT, count: int) -> Sight:
    """The source's own pictures, for an encoder that learns too."""

    def look(index: Tensor) -> Batch:
        return {"images": vision.image_spec.prepare(source.image("train", number) for number in index.tolist())}

    return Sight(look, count, vision.native_grid)


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """Seconds per example, drawing its picture included."""
    budget, vision = read_budget(Multimodal, config["training"]), build_vision(config)
    model, width, grid = random_pali(config)
    model.vision = vision
    texts = random_pairs(config, budget.batch_size, width, grid)
    del texts["tokens"]
    sight = pictures(build_source(config), vision, config["count"])

    def make(step: int) -> Batch:
        return {**texts, **sight.look(torch.arange(budget.batch_size) % sight.count)}

    return training_cost(PaLIModule(model, grid), make, budget, grid[0] * grid[1] + PROMPT + TARGET)
