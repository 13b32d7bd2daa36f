"""Stage 1: projector and language model learn a mixture of tasks on the frozen encoder's tokens (paper §2.2)."""

from __future__ import annotations

import torch

from pali3kit.data.mixture import tempered
from pali3kit.plan.kinds.multimodal import Config
from pali3kit.training.components import Artifact, build_pali, save_model
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.joint import frozen_images, stage_cost, train_pali


def run(config: Config, context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model; with the parent `model`, those of it, trained
    further.
    """
    budget = config.training
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    pretrained = Artifact(context.parents["model" if "model" in context.parents else "language"])
    image_source = frozen_images(config, context)
    projector = pretrained.config.get("projector", config.projector)
    if "model" in context.parents:
        model = pretrained.pali(tokenizer, context.execution)
    else:
        language = pretrained.language(tokenizer, context.execution)
        torch.manual_seed(context.seed)
        model = build_pali(projector, image_source.width, language)
    train_pali(model, config, context, budget, tempered(budget.mixture, budget.temperature), image_source)
    save_model(
        context.folder,
        model,
        context.writes,
        projector=projector,
        language=pretrained.config["language"],
        vision_width=image_source.width,
    )


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per example."""
    return stage_cost(config, sizes, config.training)
