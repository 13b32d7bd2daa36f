"""Stage 1 and the transfers: projector and language model train on the frozen encoder's tokens (paper §2.2, §2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from pali3kit.config.schema import Multimodal, Training
from pali3kit.data.batch import collate
from pali3kit.data.mixture import Mixture
from pali3kit.models.pali import PaLI
from pali3kit.training.context import StageContext
from pali3kit.training.fit import fit
from pali3kit.training.frozen import FrozenTokens, add_mask_tokens
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.parts import (
    build_language,
    build_masks,
    build_projector,
    build_source,
    read_budget,
    read_tokenizer,
)
from pali3kit.weights.files import save_weights


def run(config: dict[str, Any], context: StageContext) -> None:
    """Write the `weights.safetensors` of projector and language model."""
    budget = read_budget(Multimodal, config["training"])
    tokenizer = read_tokenizer(context.parents["tokenizer"], config["codes"])
    tokens = FrozenTokens(context.parents["features"], "train")
    torch.manual_seed(context.seed)
    language = build_language(config, tokenizer, context.parents["language"])
    model = PaLI(None, build_projector(config, tokens.width, language.width), language)
    train(model, config, context, budget, budget.mixture)


def train(
    model: PaLI,
    config: Mapping[str, Any],
    context: StageContext,
    budget: Training,
    weights: Mapping[str, float],
    label_smoothing: float = 0.0,
) -> None:
    """Train `model` on a mixture of tasks by weight and write its weights."""
    tokenizer = read_tokenizer(context.parents["tokenizer"], config["codes"])
    tokens = FrozenTokens(context.parents["features"], "train")
    masks = build_masks(config, context.parents["masks"])
    source = build_source(config)
    tasks = {name: (source.task(name, config["bins"]), weight) for name, weight in weights.items()}
    mixture = Mixture(tasks, "train", len(tokens), context.seed)

    def make(step: int) -> Batch:
        examples = add_mask_tokens(mixture.batch(step, budget.batch_size), masks)
        batch = collate(examples, tokenizer, config["prompt_length"], config["target_length"])
        batch["tokens"] = tokens[batch.pop("image")]
        return batch

    fit(PaLIModule(model, tokens.grid, label_smoothing), make, budget, context)
    save_weights(model, context.folder / "weights.safetensors")
