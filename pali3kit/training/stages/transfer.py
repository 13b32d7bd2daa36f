"""Per-task fine-tuning of the stage 1 model, the vision encoder frozen (paper §2.4)."""

from __future__ import annotations

from pali3kit.plan.kinds.transfer import Config
from pali3kit.plan.pali import has_regions
from pali3kit.training.components import Artifact, save_model
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.joint import frozen_images, stage_cost, train_pali
from pali3kit.training.validation import validation


def run(config: Config, context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model, fine-tuned on the tasks of `config`.

    With validations these are the best weights, otherwise the last ones; `validation.csv` has the scores.
    """
    budget = config.training
    stage1, tokenizer = Artifact(context.parents["model"]), Artifact(context.parents["tokenizer"]).tokenizer()
    model = stage1.pali(tokenizer, context.execution)
    image_source = frozen_images(config, context)
    checked = validation(model, config, context, image_source)
    train_pali(model, config, context, budget, config.weights, image_source, budget.label_smoothing, checked)
    for best in checked:
        best.keep()
    save_model(context.folder, model, context.writes, **stage1.config)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per example."""
    return stage_cost(config, sizes, config.training, regions=has_regions(config.weights))
