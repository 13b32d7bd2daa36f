"""Stage 1: projector and language model learn a mixture of tasks on the frozen encoder's tokens (paper §2.2)."""

from __future__ import annotations

from typing import Any

import torch

from pali3kit.config.schema import Multimodal
from pali3kit.data.mixture import tempered
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.joint import cost, frozen, train
from pali3kit.training.parts import build_pali, publish, read_budget, read_language, read_parts, read_tokenizer


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model."""
    budget = read_budget(Multimodal, config["training"])
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    language = read_language(context.parents["language"], tokenizer, context.execution)
    sight = frozen(config, context)
    torch.manual_seed(context.seed)
    model = build_pali(config, sight.width, language)
    train(model, config, context, budget, tempered(budget.mixture, budget.temperature), sight)
    language_part = read_parts(context.parents["language"])["language"]
    parts = {"projector": config["projector"], "language": language_part, "vision_width": sight.width}
    publish(context.folder, model, context.writes, **parts)


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """Seconds per example."""
    return cost(config, read_budget(Multimodal, config["training"]))
