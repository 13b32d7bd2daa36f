"""A part of a saved PaLI as the artifact of the stage that would have made it."""

from __future__ import annotations

import shutil
from pathlib import Path

from pali3kit.config.saved_pali import CARD_FILE, MASKS_PART, STAGE_1, TOKENIZER_FILE, SavedPaLI
from pali3kit.errors import WeightsError
from pali3kit.plan.kinds.saved import Config
from pali3kit.training.components import WEIGHTS, write_config
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.types import Json
from pali3kit.weights.files import extract_part


def run(config: Config, context: StageContext) -> None:
    """Write `weights.safetensors` and `config.json`, or `tokenizer.model`; with "pali", also the model card.

    Raises WeightsError where a file of the folder is damaged, or its content has changed since the run began.
    """
    context.report(0, 1)
    saved = SavedPaLI(Path(config.folder))
    start = saved.checkpoint(STAGE_1)
    if saved.start_digest(config.part) != config.weights:
        raise WeightsError(f"{saved.folder} has changed since the run began: run the same command again.")
    if config.part == "tokenizer":
        shutil.copyfile(saved.verify(TOKENIZER_FILE), context.folder / TOKENIZER_FILE)
        write_config(context.folder, codes=saved.codes, rows=saved.rows)
    elif config.part == "vision":
        spec = saved.preprocessing[start.encoder]
        _copy(saved, start.encoder, context, vision=config.vision, image_size=config.image_size, image_spec=spec)
    elif config.part == "mask_tokenizer":
        _copy(saved, MASKS_PART, context, mask_tokenizer=config.mask_tokenizer)
    else:
        _copy(
            saved,
            start.part,
            context,
            projector=config.projector,
            language=config.language,
            vision_width=start.vision_width,
            mixture=saved.mixture,
        )
        if (card := saved.folder / CARD_FILE).is_file():  # what is made from it tells whose data it was
            shutil.copyfile(card, context.folder / CARD_FILE)
    context.report(1, 1)


def _copy(saved: SavedPaLI, part: str, context: StageContext, **described: Json) -> None:
    extract_part(saved.part_files(part), part, context.folder / WEIGHTS)
    write_config(context.folder, **described)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Nothing that is worth a measurement."""
    return StageCost(0.0)
