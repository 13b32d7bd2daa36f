"""Stage 1: projector and language model learn a mixture of tasks on the frozen encoder's tokens (paper §2.2)."""

from __future__ import annotations

import torch

from pali3kit.data.mixture import tempered
from pali3kit.plan.kinds.multimodal import Config
from pali3kit.training.context import Cost, Sizes, StageContext
from pali3kit.training.joint import cost, frozen_images, train_pali
from pali3kit.training.parts import build_pali, read_language, read_parts, read_tokenizer, save_model


def run(config: Config, context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model."""
    budget = config.training
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    language = read_language(context.parents["language"], tokenizer, context.execution)
    sight = frozen_images(config, context)
    torch.manual_seed(context.seed)
    model = build_pali(config.projector, sight.width, language)
    train_pali(model, config, context, budget, tempered(budget.mixture, budget.temperature), sight)
    language_part = read_parts(context.parents["language"])["language"]
    parts = {"projector": config.projector, "language": language_part, "vision_width": sight.width}
    save_model(context.folder, model, context.writes, **parts)


def calibrate(config: Config, sizes: Sizes) -> Cost:
    """Seconds per example."""
    return cost(config, sizes, config.training)
