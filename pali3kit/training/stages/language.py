"""Stage 0b: the language model, pretrained on text with UL2's mixture of denoisers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pali3kit.config.stages import LanguagePretraining
from pali3kit.language.contract import LanguageModel
from pali3kit.plan.kinds.language import Config
from pali3kit.registry import LANGUAGE
from pali3kit.text.denoise import MixtureOfDenoisers, ul2
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.calibration import random_ids, training_cost
from pali3kit.training.components import (
    Artifact,
    build_component,
    build_language,
    save_load_report,
    save_model,
)
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.fit import fit
from pali3kit.training.loader import MakeBatch
from pali3kit.training.microbatches import count_microbatches, count_target_tokens, part
from pali3kit.training.modules import Batch, DenoisingModule
from pali3kit.training.optimizers import module_options
from pali3kit.training.token_file import read_windows


def run(config: Config, context: StageContext) -> None:
    """Write the language model's `weights.safetensors`; with 0 examples, the initial ones."""
    budget = config.training
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    torch.manual_seed(context.seed)
    language = build_language(config.language, tokenizer, context.execution)
    if context.writes:
        save_load_report(language, context.folder)
    if budget.examples:
        _denoise(budget, context, language, tokenizer)
    described = {"name": config.language["name"], **language.options}
    save_model(context.folder, language, context.writes, language=described, denoising={"prefix": budget.prefix})


def _denoise(budget: LanguagePretraining, context: StageContext, language: LanguageModel, tokenizer: Tokenizer) -> None:
    windows = read_windows(context.parents["corpus"], budget.length)
    count = count_microbatches(budget.batch_size, _tokens(budget), context.execution)
    make = _denoising_batches(windows, tokenizer, budget, context, count)
    fit(_module(language, budget), make, budget, context, microbatches=count)


def _module(language: LanguageModel, budget: LanguagePretraining) -> DenoisingModule:
    return DenoisingModule(language, budget.z_loss, **module_options(budget.optimizer))


def _tokens(budget: LanguagePretraining) -> int:
    """Tokens of a window in encoder and decoder together: each reads at most `length`."""
    return 2 * budget.length


def _denoising_batches(
    windows: np.ndarray, tokenizer: Tokenizer, budget: LanguagePretraining, context: StageContext, count: int = 1
) -> MakeBatch:
    """The `count` microbatches of this rank's part of each batch of corrupted `windows`.

    Every position of a batch has a random stream of its own: it holds the same window with the same corruption for any
    number of ranks and microbatches. Only the windows of this rank are read.
    """
    denoise = MixtureOfDenoisers(tokenizer, ul2(budget.prefix))
    execution = context.execution
    mine = part(range(budget.batch_size), execution.rank, execution.world_size)

    def corrupted(step: int, positions: Sequence[int]) -> Batch:
        rngs = [np.random.default_rng([context.seed, step, position]) for position in positions]
        numbers = [int(rng.integers(len(windows))) for rng in rngs]
        batch = denoise(windows[numbers].astype(np.int64), rngs)
        return {name: torch.from_numpy(array) for name, array in batch.items()}

    def make(step: int) -> list[Batch]:
        batches = [corrupted(step, part(mine, number, count)) for number in range(count)]
        if count * execution.world_size > 1:
            count_target_tokens(batches)
        return batches

    return make


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per window, of which the seven denoisers corrupt a quarter on average."""
    budget = config.training
    language = build_component(LANGUAGE, config.language, vocabulary=sizes.vocabulary_size)
    kept, missing = budget.length * 3 // 4, budget.length // 2

    def make(step: int) -> Batch:
        rows = budget.batch_size
        inputs, targets = random_ids(sizes, rows, kept), random_ids(sizes, rows, missing)
        masks = {"input_mask": torch.ones_like(inputs, dtype=torch.bool), "target_mask": targets > 0}
        return {"inputs": inputs, "targets": targets, **masks}

    return training_cost(_module(language, budget), make, budget, _tokens(budget))
