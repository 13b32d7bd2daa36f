"""Per-task fine-tuning of the stage 1 model, the vision encoder frozen (paper §2.4)."""

from __future__ import annotations

from pali3kit.plan.kinds.transfer import Config
from pali3kit.plan.pali import has_regions
from pali3kit.training.context import Cost, Sizes, StageContext
from pali3kit.training.joint import cost, frozen_images, train_pali
from pali3kit.training.parts import read_pali, read_parts, read_tokenizer, save_model
from pali3kit.training.validation import validation


def run(config: Config, context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model, fine-tuned on `config.task`.

    With validations these are the best weights, otherwise the last ones; `validation.csv` has the scores.
    """
    budget = config.training
    model = read_pali(context.parents["model"], read_tokenizer(context.parents["tokenizer"]), context.execution)
    sight = frozen_images(config, context)
    checked = validation(model, config, context, sight)
    train_pali(model, config, context, budget, {config.task: 1.0}, sight, budget.label_smoothing, checked)
    for best in checked:
        best.keep()
    save_model(context.folder, model, context.writes, **read_parts(context.parents["model"]))


def calibrate(config: Config, sizes: Sizes) -> Cost:
    """Seconds per example."""
    return cost(config, sizes, config.training, regions=has_regions({config.task: 1.0}))
