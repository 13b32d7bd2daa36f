"""Stage 2: the whole model, including the encoder, is trained on larger images (paper.md §2.3).

Each resolution of the curriculum is an artifact, from which the next one continues.
"""

from __future__ import annotations

from pali3kit.data.mixture import tempered
from pali3kit.plan.kinds.resolution import Config
from pali3kit.training.components import ENCODER_FILE, Artifact, build_source, save_model
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.joint import pixel_images, stage_cost, train_pali
from pali3kit.types import Json
from pali3kit.weights.files import save_weights


def run(config: Config, context: StageContext) -> None:
    """Write `vision.safetensors`, and the `weights.safetensors` of projector and language model.

    The encoder's head, which is frozen, is written with it, so that the encoder can be read from this folder alone.
    """
    budget = config.training
    trained, encoder = Artifact(context.parents["model"]), Artifact(context.parents["vision"])
    model = trained.pali(Artifact(context.parents["tokenizer"]).tokenizer(), context.execution)
    vision = encoder.vision(config.image_size)
    vision.set_gradient_checkpointing(context.execution.gradient_checkpointing)
    weights = tempered(budget.mixture, budget.temperature)
    images = pixel_images(build_source(config.source, config.image_size), config.count, vision)
    train_pali(model, config, context, budget, weights, images)
    save_weights(vision, context.folder / ENCODER_FILE, context.writes)
    own: dict[str, Json] = {key: encoder.config[key] for key in ("vision", "image_spec") if key in encoder.config}
    described = {**trained.config, **own, "image_size": config.image_size}
    save_model(context.folder, model, context.writes, **described)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per example, including the drawing of its images."""
    return stage_cost(config, sizes, config.training, learns=True)
