"""Stage 0b: the language model, pretrained on text with UL2's mixture of denoisers."""

from __future__ import annotations

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
    build_source,
    save_load_report,
    save_model,
)
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.corpus import pack_windows, record_skipped
from pali3kit.training.fit import fit
from pali3kit.training.loader import MakeBatch
from pali3kit.training.modules import Batch, DenoisingModule


def run(config: Config, context: StageContext) -> None:
    """Write the language model's `weights.safetensors`; with 0 examples, the initial ones."""
    budget = config.training
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    torch.manual_seed(context.seed)
    language = build_language(config.language, tokenizer, context.execution)
    save_load_report(language, context.folder)
    if budget.examples:
        _denoise(config, context, language, tokenizer)
    described = {"name": config.language["name"], **language.options}
    save_model(context.folder, language, language=described, denoising={"prefix": budget.prefix})


def _denoise(config: Config, context: StageContext, language: LanguageModel, tokenizer: Tokenizer) -> None:
    budget = config.training
    source = build_source(config.source)
    with record_skipped(source, context):
        packed = pack_windows(source.sentences(context.seed, config.bins), tokenizer, budget.length, budget.examples)
    module = DenoisingModule(language, budget.z_loss)
    fit(module, _denoising_batches(packed, tokenizer, budget, context.seed), budget, context)


def _denoising_batches(packed: np.ndarray, tokenizer: Tokenizer, budget: LanguagePretraining, seed: int) -> MakeBatch:
    """Batches of corrupted windows of `packed`, as a function of the seed and the step."""
    denoise = MixtureOfDenoisers(tokenizer, ul2(budget.prefix))

    def make(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        batch = denoise(packed[rng.integers(len(packed), size=budget.batch_size)], rng)
        return {name: torch.from_numpy(array) for name, array in batch.items()}

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

    return training_cost(DenoisingModule(language, budget.z_loss), make, budget, budget.length)
