"""Training PaLI on a mixture of tasks: stages 1 and 2, and every transfer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import torch
from torch import Tensor

from pali3kit.config.schema import Training
from pali3kit.data.batch import collate
from pali3kit.data.mixture import Mixture
from pali3kit.data.regions import add_mask_tokens
from pali3kit.data.task import Example
from pali3kit.models.pali import PaLI
from pali3kit.nn.positions import Grid
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.calibration import PROMPT, TARGET, random_pairs, random_pali, training_cost
from pali3kit.training.context import Cost, Execution, StageContext
from pali3kit.training.corpus import listing
from pali3kit.training.fit import fit
from pali3kit.training.frozen import FrozenTokens
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.parts import build_source, build_vision, read_masks, read_tokenizer, read_vision
from pali3kit.vision.vit import ViT


@dataclass(frozen=True)
class Sight:
    """How a batch gets its pictures: `look` makes of their numbers `[B]` what a `PaLIModule` reads beside the texts.

    There are `count` pictures, with a `grid` of tokens of `width` each; `bad` ones could not be read. `vision` is the
    encoder, where none of its tokens are kept: it then sees every batch.
    """

    look: Callable[[Tensor], Batch]
    count: int
    grid: Grid
    width: int
    vision: ViT | None = None
    bad: Collection[int] = frozenset()


def frozen(config: Mapping[str, Any], context: StageContext) -> Sight:
    """The tokens that the frozen encoder gave, or, where none are kept, pictures for it."""
    if "features" in context.parents:
        tokens = FrozenTokens(context.parents["features"], "train")
        return Sight(lambda index: {"tokens": tokens[index]}, len(tokens), tokens.grid, tokens.width, bad=tokens.bad)
    return pictures(config, read_vision(context.parents["vision"]).requires_grad_(False))


def pictures(config: Mapping[str, Any], vision: ViT) -> Sight:
    """The source's own pictures, as the encoder wants them."""
    source = build_source(config)

    def look(index: Tensor) -> Batch:
        return {"images": vision.image_spec.prepare(source.image("train", number) for number in index.tolist())}

    return Sight(look, config["count"], vision.native_grid, vision.width, vision)


def train(
    model: PaLI,
    config: Mapping[str, Any],
    context: StageContext,
    budget: Training,
    weights: Mapping[str, float],
    sight: Sight,
    label_smoothing: float = 0.0,
) -> None:
    """Train `model` on a mixture of tasks by weight; an encoder that learns with it is `sight`'s."""
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    masks = read_masks(context.parents["masks"]) if "masks" in context.parents else None
    source = build_source(config)
    tasks = {name: (source.task(name, config["bins"]), weight) for name, weight in weights.items() if weight > 0}
    mixture = Mixture(tasks, "train", sight.count, context.seed, sight.bad)
    longest = sight.grid[0] * sight.grid[1] + config["prompt_length"]
    passes = count_passes(budget.batch_size, longest, context.execution)

    def make(step: int) -> list[Batch]:
        examples = mixture.batch(step, budget.batch_size)
        if masks is not None:
            examples = add_mask_tokens(examples, masks)
        batches = shared(examples, tokenizer, config, context.execution, passes)
        return [{**batch, **sight.look(batch.pop("image"))} for batch in batches]

    model.vision = sight.vision
    with listing(source, context):
        fit(PaLIModule(model, sight.grid, label_smoothing), make, budget, context, passes=passes)
    model.vision = None  # an artifact of its own


def count_passes(batch_size: int, tokens: int, execution: Execution) -> int:
    """Passes of a rank's part of a batch, each of at most `most_tokens` of the encoder's, or of one example."""
    mine = batch_size // execution.ranks
    return ceil(mine / max(1, execution.most_tokens // tokens)) if execution.most_tokens else 1


def shared(
    examples: Sequence[Example], tokenizer: Tokenizer, config: Mapping[str, Any], execution: Execution, passes: int
) -> list[Batch]:
    """The passes of this rank over its part of `examples`.

    Each says in `share` how much of the whole batch's target tokens it has, relative to an even part: the mean over
    passes and ranks of the mean losses, each times its share, is the mean over all target tokens.
    """
    lengths = config["prompt_length"], config["target_length"]
    parts = execution.ranks * passes
    if parts == 1:
        return [collate(examples, tokenizer, *lengths)]
    mine = _part(examples, execution.rank, execution.ranks)
    total = sum(len(tokenizer.encode(e.target, eos=True, max_length=lengths[1])) for e in examples)
    batches = [collate(_part(mine, i, passes), tokenizer, *lengths) for i in range(passes)]
    for batch in batches:
        batch["share"] = batch["target_mask"].sum() * parts / total
    return batches


def _part(examples: Sequence[Example], number: int, parts: int) -> Sequence[Example]:
    """One of `parts` neighbouring parts, as even as can be."""
    return examples[number * len(examples) // parts : (number + 1) * len(examples) // parts]


def cost(config: Mapping[str, Any], budget: Training, learns: bool = False) -> Cost:
    """What one example costs here; where no tokens are kept, with its picture, which an encoder sees that may learn."""
    model, width, grid = random_pali(config)
    texts = random_pairs(config, budget.batch_size, width, grid)
    tokens = {"tokens": texts.pop("tokens")}
    look: Callable[[Tensor], Batch] = lambda index: tokens  # noqa: E731
    if "count" in config:
        sight = pictures(config, build_vision(config).requires_grad_(learns))
        model.vision, look = sight.vision, sight.look
    rows = torch.arange(budget.batch_size, device="cpu") % config.get("count", 1)

    def make(step: int) -> Batch:
        return {**texts, **look(rows)}

    return training_cost(PaLIModule(model, grid), make, budget, grid[0] * grid[1] + PROMPT + TARGET)
