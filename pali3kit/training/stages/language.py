"""Stage 0b: the encoder-decoder, pretrained on text alone with UL2's mixture of denoisers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from pali3kit.config.schema import LanguagePretraining
from pali3kit.text.denoise import MixtureOfDenoisers, pack
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import StageContext
from pali3kit.training.fit import MakeBatch, fit
from pali3kit.training.modules import Batch, DenoisingModule
from pali3kit.training.parts import build_language, build_source, publish, read_budget, read_tokenizer


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write the language model's `weights.safetensors`."""
    budget = read_budget(LanguagePretraining, config["training"])
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    torch.manual_seed(context.seed)
    language = build_language(config, tokenizer)
    sentences = build_source(config).sentences(context.seed)
    windows = pack((tokenizer.encode(text, eos=True) for text in sentences), budget.length)
    fit(DenoisingModule(language), denoising_batches(windows, tokenizer, budget, context.seed), budget, context)
    publish(context.folder, language, language=config["language"])


def denoising_batches(windows: np.ndarray, tokenizer: Tokenizer, budget: LanguagePretraining, seed: int) -> MakeBatch:
    """Batches of corrupted windows; which and how is a function of the seed and the step."""
    denoise = MixtureOfDenoisers(tokenizer)

    def make(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        pairs = [denoise(window, rng) for window in windows[rng.integers(len(windows), size=budget.batch_size)]]
        inputs, input_mask = tokenizer.pad([pair[0] for pair in pairs])
        targets, target_mask = tokenizer.pad([pair[1] for pair in pairs])
        arrays = {"inputs": inputs, "input_mask": input_mask, "targets": targets, "target_mask": target_mask}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    return make
