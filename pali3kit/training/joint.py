"""Training PaLI on a mixture of tasks: stages 1 and 2 and the transfers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from pali3kit.config.stages import Training
from pali3kit.data.batch import collate
from pali3kit.data.mixture import Mixture
from pali3kit.data.source import Source
from pali3kit.data.task import Example, Task
from pali3kit.models.pali import PaLIModel
from pali3kit.plan.pali import TextConfig
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.calibration import (
    PROMPT,
    TARGET,
    max_images,
    random_pairs,
    random_pali,
    training_cost,
    vision_shape,
)
from pali3kit.training.components import Artifact, build_source, build_vision, trained_mask_tokenizer
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageContext, StageCost
from pali3kit.training.corpus import limit_skipped
from pali3kit.training.fit import fit
from pali3kit.training.frozen import FrozenTokens
from pali3kit.training.loader import MakeBatch
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run
from pali3kit.training.microbatches import count_microbatches, count_target_tokens, part
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.ocr_words import words_in_prompts
from pali3kit.training.optimizers import module_options
from pali3kit.training.pretraining_images import fitted
from pali3kit.training.skipped import Skipped
from pali3kit.training.stream import ImageSource, Stream
from pali3kit.vision.contract import VisionEncoder

_PROFILES: dict[str | None, MemoryProfile] = {}
"""Of dry runs with cached tokens in this process: stages that differ in their source alone share one."""


def frozen_images(config: TextConfig, context: StageContext) -> ImageSource:
    """The cached tokens of the frozen encoder, or, where none are cached, images for it."""
    if "features" in context.parents:
        kept = FrozenTokens(context.parents["features"], "train")
        shape = kept.array.shape[1:]
        return ImageSource("tokens", lambda n: kept[torch.tensor([n])], shape, len(kept), kept.grid, bad=kept.bad)
    vision = Artifact(context.parents["vision"]).vision().requires_grad_(False)
    return pixel_images(build_source(config.source, config.image_size), config.count, vision)


def pixel_images(source: Source, count: int, vision: VisionEncoder) -> ImageSource:
    """The first `count` images of the training split as uint8 pixels, of the size of the encoder `vision`."""

    def read(number: int) -> Tensor:
        return vision.image_spec.to_batch([fitted(source, vision.image_spec, "train", number)])

    side = vision.image_spec.size
    return ImageSource("images", read, (3, side, side), count, vision.native_grid, vision)


def train_pali(
    model: PaLIModel,
    config: TextConfig,
    context: StageContext,
    budget: Training,
    weights: Mapping[str, float],
    image_source: ImageSource,
    label_smoothing: float = 0.0,
    recorders: Sequence[Callback] = (),
) -> None:
    """Train `model` on a mixture of tasks by weight, with the encoder of `image_source` where it is not frozen.

    The last `config.validation` images are left out.
    """
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    mask_tokenizer = trained_mask_tokenizer(context)
    source = build_source(config.source, config.image_size)
    words = words_in_prompts(config, context, source, tokenizer, "train", image_source.count)
    tasks: dict[str, tuple[Task, float]] = {}
    for name, weight in sorted(weights.items()):  # sorted, since the order of a mapping is in no digest
        if weight > 0:
            task = source.task(name, config.bins)
            tasks[name] = words.task(task) if words else task, weight
    mixture = Mixture(tasks, "train", image_source.count - config.validation, context.seed, image_source.bad)
    stream = Stream(mixture, image_source, mask_tokenizer, source.skips)
    mine = part(range(budget.batch_size), context.execution.rank, context.execution.world_size)
    tokens = _longest(model, image_source, config.prompt_length, source.max_images)
    count = count_microbatches(budget.batch_size, tokens, context.execution)
    visual = source.max_images * model.projector.out_tokens(image_source.grid)
    model.language.require_positions(visual + config.prompt_length, config.target_length)

    make = mixture_batches(stream, mine, tokenizer, (config.prompt_length, config.target_length), count)
    model.vision = image_source.vision
    skipped = Skipped(context, context.execution.max_bad_fraction, source)
    with limit_skipped(source, context, gathered=True):
        module = PaLIModule(model, image_source.grid, label_smoothing, **module_options(budget.optimizer))
        fit(module, make, budget, context, [skipped, *recorders], count)
    model.vision = None  # an artifact of its own


def mixture_batches(
    stream: Stream, positions: Sequence[int], tokenizer: Tokenizer, lengths: tuple[int, int], count: int
) -> MakeBatch:
    """The batches of the examples at some `positions` of each step, as `count` microbatches.

    `lengths` are the largest ones of a prompt and of a target, in tokens.
    """

    def make(step: int) -> list[dict[str, Any]]:
        drawn = stream.draw(step, positions)
        batches: list[dict[str, Any]] = []
        for batch in _microbatches(drawn.examples, tokenizer, lengths, count):
            numbers = batch.pop("image_numbers")
            batches.append({stream.image_source.name: stream.image_source.stack(numbers, drawn.images), **batch})
        if drawn.skipped:
            batches[0]["skipped"] = drawn.skipped
        return batches

    return make


def _longest(model: PaLIModel, image_source: ImageSource, prompt_length: int, images: int = 1) -> int:
    """Tokens of an example of so many images in the encoder that reads most of them: the language model's, which reads
    the projector's output and the prompt, or the vision encoder where it learns.
    """
    read = images * model.projector.out_tokens(image_source.grid) + prompt_length
    vision, grid = image_source.vision, image_source.grid
    learns = vision is not None and any(weight.requires_grad for weight in vision.parameters())
    return max(read, images * grid[0] * grid[1]) if learns else read


def _microbatches(
    examples: Sequence[Example], tokenizer: Tokenizer, lengths: tuple[int, int], count: int
) -> list[Batch]:
    """A rank's `examples` of a step as `count` microbatches.

    Texts of similar length share one, which saves padding: with the embedded world's mixture, where answers have 6
    tokens on average and the longest of a batch 18, four microbatches of 16 take 20% fewer multiplications than 64 at
    once.
    """
    if count > 1:
        examples = sorted(examples, key=lambda example: len(example.prompt) + len(example.target))
    batches = [collate(part(examples, i, count), tokenizer, *lengths) for i in range(count)]
    count_target_tokens(batches)
    return batches


def _profile_key(sizes: ComponentSpecs, images: int, regions: bool, budget: Training) -> str:
    """What the profile of a dry run with cached tokens depends on: of the encoder on the shape of its tokens alone."""
    others = {**asdict(sizes), "image_size": 0, "vision": vision_shape(sizes)[:2]}
    return json.dumps([others, images, regions, asdict(budget.optimizer)], default=str)


def stage_cost(
    config: TextConfig, sizes: ComponentSpecs, budget: Training, regions: bool = False, learns: bool = False
) -> StageCost:
    """The cost here of an example with the most images; without cached tokens, reading and encoding are included."""
    images = max_images(config.source)
    key = None if config.count else _profile_key(sizes, images, regions, budget)
    if key in _PROFILES and in_dry_run():
        raise DryRunFinished(_PROFILES[key])
    model, width, grid = random_pali(sizes)
    texts = random_pairs(sizes, budget.batch_size, width, grid, regions, images)
    cached = {"tokens": texts.pop("tokens")}
    image_source = None
    if config.count:
        vision = build_vision(sizes.vision, sizes.image_size).requires_grad_(learns)
        image_source = pixel_images(build_source(config.source, config.image_size), config.count, vision)
        model.vision = image_source.vision

    def make(step: int) -> Batch:
        if image_source is None:
            return {**texts, **cached}
        numbers = torch.arange(budget.batch_size * images, device="cpu").unflatten(0, (-1, images)) % config.count
        found = {number: image_source.read(number) for number in numbers.flatten().tolist()}
        return {**texts, image_source.name: image_source.stack(numbers, found)}

    tokens = images * model.projector.out_tokens(grid) + PROMPT + TARGET
    most = max(tokens, images * grid[0] * grid[1]) if learns else tokens
    module = PaLIModule(model, grid, **module_options(budget.optimizer))
    try:
        return training_cost(module, make, budget, most)
    except DryRunFinished as found:
        if key is not None and found.profile is not None:
            _PROFILES[key] = found.profile
        raise
