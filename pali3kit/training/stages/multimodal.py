"""Stage 1: projector and language model learn a mixture of tasks on the frozen encoder's tokens (paper §2.2)."""

from __future__ import annotations

from typing import Any

import torch

from pali3kit.config.schema import Multimodal
from pali3kit.data.mixture import tempered
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.frozen import FrozenTokens
from pali3kit.training.joint import cost, train
from pali3kit.training.parts import build_pali, publish, read_budget, read_language, read_parts, read_tokenizer


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model."""
    budget = read_budget(Multimodal, config["training"])
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    language = read_language(context.parents["language"], tokenizer, context.execution)
    width = FrozenTokens(context.parents["features"], "train").width
    torch.manual_seed(context.seed)
    model = build_pali(config, width, language)
    train(model, config, context, budget, tempered(budget.mixture, budget.temperature))
    shape = read_parts(context.parents["language"])["language"]
    publish(context.folder, model, projector=config["projector"], language=shape, vision_width=width)


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """Seconds per example."""
    return cost(config, read_budget(Multimodal, config["training"]))
