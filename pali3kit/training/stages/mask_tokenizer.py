"""Stage 0c: the mask tokenizer, a VQ-VAE over the masks of single objects (paper.md §4.3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pali3kit.data.mixture import PATIENCE
from pali3kit.data.regions import crops
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.masks.crops import SIDE
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.plan.kinds.mask_tokenizer import Config
from pali3kit.registry import MASK_TOKENIZER
from pali3kit.training.calibration import training_cost
from pali3kit.training.components import build_component, build_source, save_load_report, save_model, without_pretrained
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.corpus import limit_skipped
from pali3kit.training.fit import fit
from pali3kit.training.modules import MaskTokenizerModule
from pali3kit.training.optimizers import module_options
from pali3kit.training.skipped import Skipped


def run(config: Config, context: StageContext) -> None:
    """Write the mask tokenizer's `weights.safetensors`; with 0 examples, the initial ones."""
    budget = config.training
    torch.manual_seed(context.seed)
    model = build_component(MASK_TOKENIZER, config.mask_tokenizer)
    save_load_report(model, context.folder)
    if budget.examples:
        _train(config, context, model)
    save_model(context.folder, model, mask_tokenizer=without_pretrained(config.mask_tokenizer))


def _train(config: Config, context: StageContext, model: MaskVQVAE) -> None:
    budget, source = config.training, build_source(config.source, config.image_size).telling("masks")
    task = source.task(config.task, bins=1000)

    def make(step: int) -> dict[str, Any]:
        rng = np.random.default_rng([context.seed, step])
        found: list[Example] = []
        for _ in range(PATIENCE * budget.batch_size):
            example = task.draw("train", int(rng.integers(budget.examples)), rng)
            if example is not None and example.mask is not None and example.box is not None:
                found.append(example)
            if len(found) == budget.batch_size:
                return {"masks": crops(found), **_skipped(source)}
        raise DataError(f"{PATIENCE * budget.batch_size} images have only {len(found)} masks of objects")

    with limit_skipped(source, context):
        fit(
            MaskTokenizerModule(model, **module_options(budget.optimizer)),
            make,
            budget,
            context,
            [Skipped(context, context.execution.max_bad_fraction, source)],
        )


def _skipped(source: Source) -> dict[str, list[str]]:
    """Unusable samples, passed on in the batch, since a worker process may have made it."""
    lines = [] if source.skips is None else source.skips.drain()
    return {"skipped": lines} if lines else {}


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per mask."""
    budget = config.training
    model = build_component(MASK_TOKENIZER, without_pretrained(config.mask_tokenizer))
    module = MaskTokenizerModule(model, **module_options(budget.optimizer))
    return training_cost(module, lambda step: {"masks": torch.rand(budget.batch_size, 1, SIDE, SIDE)}, budget, 16)
