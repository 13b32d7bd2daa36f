"""What a unit of each stage costs here: a few steps on made-up batches of the right shape."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pali3kit.config.stages import Training
from pali3kit.config.vocabulary import CODES, MODES, SENTINELS, Vocabulary
from pali3kit.models.pali import PaLI
from pali3kit.nn.positions import Grid
from pali3kit.registry import LANGUAGE
from pali3kit.training.context import Cost, Sizes, Weight
from pali3kit.training.modules import Batch, StageModule
from pali3kit.training.parts import build_pali, build_part, build_source, build_vision
from pali3kit.training.weighing import Weighed, rehearsing, weigh
from pali3kit.types import Named

# Tokens as the embedded world has them: of the longest prompt and target of a batch, of a target, and of a region.
PROMPT, TARGET, ANSWER, REGION = 30, 18, 6, 21
STEPS = 4
LONG = 0.5  # seconds, after which two calls are enough
START_UP = 1.0  # seconds to read parents and open the source


def training_cost(module: StageModule, make: Callable[[int], Batch], budget: Training, tokens: int) -> Cost:
    """Seconds per example of a training stage; `make` is timed too. `tokens` are those of one example.

    What the optimizer takes, which does not depend on the batch, is told apart: the batch may be a part of the whole.
    """
    module.prepare(budget.optimizer, steps=1)
    optimizer = module.configure_optimizers()["optimizer"]
    if rehearsing():
        with torch.device("cpu"):  # pictures are real
            batch = make(0)
        raise Weighed(_rehearsed(module, optimizer, batch, tokens))

    def learn(number: int) -> None:
        optimizer.zero_grad()
        module.losses(make(number))["loss"].backward()

    module.train()
    seconds, step = fastest_seconds(learn), fastest_seconds(lambda number: optimizer.step())
    return Cost(seconds / budget.batch_size, START_UP, count(module), tokens, step=step)


def _rehearsed(module: StageModule, optimizer: Optimizer, batch: Batch, tokens: int) -> Weight:
    """The weight of a step on `batch`, which is one example."""
    batch = {name: value.to("meta") for name, value in batch.items() if isinstance(value, Tensor)}
    return weigh(module, optimizer, lambda: module.losses(batch)["loss"], tokens)


def fastest_seconds(step: Callable[[int], object]) -> float:
    """The fastest of a few calls, after one that warms up: what slows a single step is somebody else. Of calls that
    take long there are fewer.
    """
    if rehearsing():
        raise Weighed
    begin = time.perf_counter()
    step(0)
    times: list[float] = []
    while len(times) < STEPS and not (times and time.perf_counter() - begin > LONG):
        start = time.perf_counter()
        step(len(times) + 1)
        times.append(time.perf_counter() - start)
    return min(times)


def count(module: nn.Module) -> int:
    """All parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def vocabulary(sizes: Sizes) -> int:
    """The size that the tokenizer will have, special tokens included."""
    codes = int(sizes.codes or CODES)
    if sizes.file is not None:
        return Vocabulary(Path(sizes.file), codes, rows=sizes.rows).size
    return int(sizes.vocabulary or 0) + SENTINELS + len(MODES) + codes


def random_ids(sizes: Sizes, *shape: int) -> Tensor:
    """Token ids `[*shape]`."""
    return torch.randint(2, vocabulary(sizes), shape)


def random_pali(sizes: Sizes) -> tuple[PaLI, int, Grid]:
    """PaLI of the components without its encoder, the encoder's width, and its grid."""
    vision = build_vision(sizes.vision, sizes.image_size)
    language = build_part(LANGUAGE, sizes.language, vocabulary=vocabulary(sizes))
    return build_pali(sizes.projector, vision.width, language), vision.width, vision.native_grid


def max_images(source: Named) -> int:
    """The most images that an example of a source has."""
    return _max_images(json.dumps(source))


@cache
def _max_images(source: str) -> int:
    """Found once, for the source may have to read all of its records."""
    return build_source(json.loads(source)).max_images


def random_pairs(sizes: Sizes, rows: int, width: int, grid: Grid, regions: bool = False, images: int = 1) -> Batch:
    """Visual tokens with prompts and targets of typical length; most of a batch of short answers is padding."""
    longest, mean = (REGION, REGION) if regions else (TARGET, ANSWER)
    return {
        "tokens": torch.randn(rows, images, grid[0] * grid[1], width),
        "prompts": random_ids(sizes, rows, PROMPT),
        "prompt_mask": torch.ones(rows, PROMPT, dtype=torch.bool),
        "targets": random_ids(sizes, rows, longest),
        "target_mask": (torch.arange(longest) < mean).expand(rows, -1),
    }
