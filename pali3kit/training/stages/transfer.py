"""Per-task fine-tuning of the stage 1 model, the vision encoder frozen (paper §2.4)."""

from __future__ import annotations

from typing import Any

from pali3kit.config.schema import Transfer
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.joint import cost, frozen, train
from pali3kit.training.parts import publish, read_budget, read_pali, read_parts, read_tokenizer
from pali3kit.training.validation import validation


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model, tuned for `config["task"]`: the last ones, or
    with checks the best, and `validation.csv`.
    """
    budget = read_budget(Transfer, config["training"])
    model = read_pali(context.parents["model"], read_tokenizer(context.parents["tokenizer"]), context.execution)
    sight = frozen(config, context)
    checked = validation(model, config, context, budget, sight)
    train(model, config, context, budget, {config["task"]: 1.0}, sight, budget.label_smoothing, checked)
    for best in checked:
        best.keep()
    publish(context.folder, model, context.writes, **read_parts(context.parents["model"]))


def calibrate(config: dict[str, Any], threads: int) -> Cost:
    """Seconds per example."""
    return cost(config, read_budget(Transfer, config["training"]))
