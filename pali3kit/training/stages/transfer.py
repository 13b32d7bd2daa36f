"""Per-task fine-tuning of the stage 1 model, the vision encoder frozen (paper §2.4)."""

from __future__ import annotations

from typing import Any

from pali3kit.config.schema import Transfer
from pali3kit.models.pali import PaLI
from pali3kit.training.context import StageContext
from pali3kit.training.frozen import FrozenTokens
from pali3kit.training.parts import build_language, build_projector, read_budget, read_tokenizer
from pali3kit.training.stages.multimodal import train
from pali3kit.weights.files import load_weights


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model, tuned for `config["task"]`."""
    budget = read_budget(Transfer, config["training"])
    tokenizer = read_tokenizer(context.parents["tokenizer"], config["codes"])
    tokens = FrozenTokens(context.parents["features"], "train")
    language = build_language(config, tokenizer)
    model = PaLI(None, build_projector(config, tokens.width, language.width), language)
    load_weights(model, context.parents["model"] / "weights.safetensors")
    train(model, config, context, budget, {config["task"]: 1.0}, budget.label_smoothing)
