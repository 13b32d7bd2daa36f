"""Training PaLI on cached tokens of a frozen encoder: stage 1 and every transfer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pali3kit.config.schema import Training
from pali3kit.data.batch import collate
from pali3kit.data.mixture import Mixture
from pali3kit.models.pali import PaLI
from pali3kit.training.calibration import PROMPT, TARGET, random_pairs, random_pali, training_cost
from pali3kit.training.context import Cost, StageContext
from pali3kit.training.corpus import listing
from pali3kit.training.fit import fit
from pali3kit.training.frozen import FrozenTokens, add_mask_tokens
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.parts import build_source, read_masks, read_tokenizer


def train(
    model: PaLI,
    config: Mapping[str, Any],
    context: StageContext,
    budget: Training,
    weights: Mapping[str, float],
    label_smoothing: float = 0.0,
) -> None:
    """Train `model` on a mixture of tasks by weight."""
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    tokens = FrozenTokens(context.parents["features"], "train")
    masks = read_masks(context.parents["masks"]) if "masks" in context.parents else None
    source = build_source(config)
    tasks = {name: (source.task(name, config["bins"]), weight) for name, weight in weights.items() if weight > 0}
    mixture = Mixture(tasks, "train", len(tokens), context.seed, tokens.bad)

    def make(step: int) -> Batch:
        examples = mixture.batch(step, budget.batch_size)
        if masks is not None:
            examples = add_mask_tokens(examples, masks)
        batch = collate(examples, tokenizer, config["prompt_length"], config["target_length"])
        batch["tokens"] = tokens[batch.pop("image")]
        return batch

    with listing(source, context):
        fit(PaLIModule(model, tokens.grid, label_smoothing), make, budget, context)


def cost(config: Mapping[str, Any], budget: Training) -> Cost:
    """What one example costs here."""
    model, width, grid = random_pali(config)
    batch = random_pairs(config, budget.batch_size, width, grid)
    tokens = grid[0] * grid[1] + PROMPT + TARGET
    return training_cost(PaLIModule(model, grid), lambda step: batch, budget.batch_size, tokens)
