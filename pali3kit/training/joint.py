"""Training PaLI on a mixture of tasks: stages 1 and 2 and the transfers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from types import MappingProxyType
from typing import Any, TypeVar

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from pali3kit.config.stages import Training
from pali3kit.data.batch import collate
from pali3kit.data.mixture import Mixture
from pali3kit.data.task import Example
from pali3kit.models.pali import PaLI
from pali3kit.plan.pali import TextConfig
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.calibration import PROMPT, TARGET, max_images, random_pairs, random_pali, training_cost
from pali3kit.training.context import Cost, Execution, Sizes, StageContext
from pali3kit.training.corpus import limit_skipped
from pali3kit.training.fit import fit
from pali3kit.training.frozen import FrozenTokens
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.parts import build_source, build_vision, read_masks, read_tokenizer, read_vision
from pali3kit.training.pictures import fitted
from pali3kit.training.skipped import Skipped
from pali3kit.training.stream import Sight, Stream
from pali3kit.vision.contract import VisionEncoder

T = TypeVar("T")
NONE: Mapping[int, Example] = MappingProxyType({})


def frozen_images(config: TextConfig, context: StageContext) -> Sight:
    """The cached tokens of the frozen encoder, or, where none are cached, images for it."""
    if "features" in context.parents:
        kept = FrozenTokens(context.parents["features"], "train")
        shape = kept.array.shape[1:]
        return Sight("tokens", lambda n: kept[torch.tensor([n])], shape, len(kept), kept.grid, bad=kept.bad)
    return pixel_images(config, read_vision(context.parents["vision"]).requires_grad_(False))


def pixel_images(config: TextConfig, vision: VisionEncoder) -> Sight:
    """The images of the source as pixels, preprocessed for the encoder `vision`."""
    source = build_source(config.source, config.image_size)

    def read(number: int) -> Tensor:
        return vision.image_spec.prepare([fitted(source, vision.image_spec, "train", number)])

    side = vision.image_spec.size
    return Sight("images", read, (3, side, side), config.count, vision.native_grid, vision)


def train_pali(
    model: PaLI,
    config: TextConfig,
    context: StageContext,
    budget: Training,
    weights: Mapping[str, float],
    sight: Sight,
    label_smoothing: float = 0.0,
    recorders: Sequence[Callback] = (),
) -> None:
    """Train `model` on a mixture of tasks by weight, with the encoder of `sight` where it is not frozen.

    The last `config.validation` images are left out.
    """
    tokenizer = read_tokenizer(context.parents["tokenizer"])
    masks = read_masks(context.parents["masks"]) if "masks" in context.parents else None
    source = build_source(config.source, config.image_size)
    tasks = {name: (source.task(name, config.bins), weight) for name, weight in weights.items() if weight > 0}
    mixture = Mixture(tasks, "train", sight.count - config.validation, context.seed, sight.bad)
    stream = Stream(mixture, budget.batch_size, sight, masks, source.skips)
    execution = context.execution
    tokens = _longest(model, sight, config.prompt_length, source.max_images)
    passes = _count_passes(budget.batch_size, tokens, execution)
    visual = source.max_images * model.projector.out_tokens(sight.grid)
    model.language.demand_positions(visual + config.prompt_length, config.target_length)

    def make(step: int) -> list[dict[str, Any]]:
        mine = _part(range(budget.batch_size), execution.rank, execution.ranks)
        drawn = stream.draw(step, mine, first=context.writes)
        batches: list[dict[str, Any]] = []
        for batch in _batches_of_passes(drawn.examples, tokenizer, config, execution, passes, drawn.replaced):
            numbers = batch.pop("image_numbers")
            batches.append({sight.name: sight.stack(numbers, drawn.images), **batch})
        if drawn.skipped:
            batches[0]["skipped"] = drawn.skipped
        return batches

    model.vision = sight.vision
    skipped = Skipped(context, execution.most_bad, source.damages)
    with limit_skipped(source, context):
        fit(PaLIModule(model, sight.grid, label_smoothing), make, budget, context, [skipped, *recorders], passes)
    model.vision = None  # an artifact of its own


def _longest(model: PaLI, sight: Sight, prompt_length: int, images: int = 1) -> int:
    """Tokens of an example of so many images in the encoder that reads most of them: the language model's, which reads
    the projector's output and the prompt, or the vision encoder where it learns.
    """
    read = images * model.projector.out_tokens(sight.grid) + prompt_length
    learns = sight.vision is not None and any(weight.requires_grad for weight in sight.vision.parameters())
    return max(read, images * sight.grid[0] * sight.grid[1]) if learns else read


def _count_passes(batch_size: int, tokens: int, execution: Execution) -> int:
    """Passes (micro-batches) of a rank's part of a batch: each has at most `most_tokens` tokens, or one example."""
    mine = batch_size // execution.ranks
    return ceil(mine / max(1, execution.most_tokens // tokens)) if execution.most_tokens else 1


def _batches_of_passes(
    examples: Sequence[Example],
    tokenizer: Tokenizer,
    config: TextConfig,
    execution: Execution,
    passes: int,
    replaced: Mapping[int, Example] = NONE,
) -> list[Batch]:
    """The passes (micro-batches) of this rank over its part of `examples`; `replaced` has replacements by position.

    `share` of a pass is its number of target tokens relative to an even part of the batch's. The mean over passes and
    ranks of mean loss times share is then the mean loss over all target tokens.

    A rank does not know which examples of other ranks were replaced, since it does not read their images. So the number
    of the batch's target tokens is always counted before replacement: every token has the same weight for any number of
    ranks and passes, and after a replacement the mean is off only by the two targets' difference in length.
    """
    lengths = config.prompt_length, config.target_length
    parts = execution.ranks * passes
    if parts == 1 and not replaced:
        return [collate(examples, tokenizer, *lengths)]
    mine = _part([replaced.get(i, e) for i, e in enumerate(examples)], execution.rank, execution.ranks)
    total = sum(len(tokenizer.encode(e.target, eos=True, max_length=lengths[1])) for e in examples)
    batches = [collate(_part(mine, i, passes), tokenizer, *lengths) for i in range(passes)]
    for batch in batches:
        batch["share"] = batch["target_mask"].sum() * parts / total
    return batches


def _part(whole: Sequence[T], number: int, parts: int) -> Sequence[T]:
    """One of `parts` contiguous parts of nearly equal length."""
    return whole[number * len(whole) // parts : (number + 1) * len(whole) // parts]


def cost(config: TextConfig, sizes: Sizes, budget: Training, regions: bool = False, learns: bool = False) -> Cost:
    """The cost here of an example with the most images; without cached tokens, reading and encoding are included."""
    model, width, grid = random_pali(sizes)
    images = max_images(config.source)
    texts = random_pairs(sizes, budget.batch_size, width, grid, regions, images)
    kept = {"tokens": texts.pop("tokens")}
    look: Callable[[], Batch] = lambda: kept  # noqa: E731
    if config.count:
        numbers = torch.arange(budget.batch_size * images, device="cpu").unflatten(0, (-1, images)) % config.count
        sight = pixel_images(config, build_vision(sizes.vision, sizes.image_size).requires_grad_(learns))
        model.vision = sight.vision
        look = lambda: {sight.name: sight.stack(numbers, {n: sight.read(n) for n in numbers.flatten().tolist()})}  # noqa: E731

    def make(step: int) -> Batch:
        return {**texts, **look()}

    tokens = images * model.projector.out_tokens(grid) + PROMPT + TARGET
    most = max(tokens, images * grid[0] * grid[1]) if learns else tokens
    return training_cost(PaLIModule(model, grid), make, budget, most)
