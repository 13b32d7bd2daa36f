"""Measure what a unit of a stage costs on this machine: time a few steps on random batches of the right shape."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pali3kit.config.stages import Training
from pali3kit.models.pali import PaLIModel
from pali3kit.nn.positions import Grid
from pali3kit.registry import LANGUAGE
from pali3kit.training.clock import clock
from pali3kit.training.components import build_component, build_pali, build_source, build_vision
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageCost
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run, profile_on_meta
from pali3kit.training.modules import Batch, StageModule
from pali3kit.types import Named

# Typical token counts of the embedded world: the longest prompt and target of a batch, the mean target, a region.
PROMPT, TARGET, ANSWER, REGION = 30, 18, 6, 21
STEPS = 4
ENOUGH = 0.5  # seconds of timing, after which no further call is made
START_UP = 1.0  # seconds to read parents and open the source


def training_cost(module: StageModule, make: Callable[[int], Batch], budget: Training, tokens: int) -> StageCost:
    """Seconds per example of a training stage, `make` included; `tokens` are those of one example.

    The optimizer's time, which does not depend on the batch size, is measured separately.
    """
    optimizer = module.configure_optimizers()["optimizer"]
    if in_dry_run():
        with torch.device("cpu"):  # the batch is real
            batch = make(0)
        raise DryRunFinished(_profile(module, optimizer, batch, tokens))

    def learn(number: int) -> None:
        optimizer.zero_grad()
        module.losses(make(number))["loss"].backward()

    module.train()
    seconds, step = min_seconds(learn), min_seconds(lambda number: optimizer.step())
    return StageCost(seconds / budget.batch_size, START_UP, num_parameters(module), tokens, step=step)


def _profile(module: StageModule, optimizer: Optimizer, batch: Batch, tokens: int) -> MemoryProfile:
    """The memory profile of a training step on `batch`, which is one example."""
    batch = {name: value.to("meta") for name, value in batch.items() if isinstance(value, Tensor)}
    return profile_on_meta(module, optimizer, lambda: module.losses(batch)["loss"], tokens)


def min_seconds(step: Callable[[int], object], waits: bool = False) -> float:
    """Seconds of the fastest of a few calls after a warm-up, since other processes only slow a call down.

    They are by `clock`, or by the time of day where a call `waits` for storage. Slow calls are repeated less often.
    """
    if in_dry_run():
        raise DryRunFinished
    begin, seconds = time.perf_counter(), time.perf_counter if waits else clock
    step(0)
    times: list[float] = []
    while len(times) < STEPS and not (times and time.perf_counter() - begin > ENOUGH):
        start = seconds()
        step(len(times) + 1)
        times.append(seconds() - start)
    return min(times)


def num_parameters(module: nn.Module) -> int:
    """Number of parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def random_ids(sizes: ComponentSpecs, *shape: int) -> Tensor:
    """Random token ids `[*shape]`."""
    return torch.randint(2, sizes.vocabulary_size, shape)


def random_pali(sizes: ComponentSpecs) -> tuple[PaLIModel, int, Grid]:
    """PaLI with random weights and without its vision encoder, and that encoder's width and grid."""
    width, grid, _ = vision_shape(sizes)
    language = build_component(LANGUAGE, sizes.language, vocabulary=sizes.vocabulary_size)
    return build_pali(sizes.projector, width, language), width, grid


def meta_pali(sizes: ComponentSpecs) -> tuple[PaLIModel, int, Grid]:
    """As `random_pali`, on the meta device, built once in a process: for those who ask for its sizes alone."""
    return _meta_pali(json.dumps(asdict(sizes)))


@cache
def _meta_pali(sizes: str) -> tuple[PaLIModel, int, Grid]:
    with torch.device("meta"):
        return random_pali(ComponentSpecs(**json.loads(sizes)))


def vision_shape(sizes: ComponentSpecs) -> tuple[int, Grid, int]:
    """The width of the encoder's tokens, their grid, and its number of parameters; found once in a process."""
    return _vision_shape(json.dumps(sizes.vision), sizes.image_size, "meta" if in_dry_run() else "cpu")


@cache
def _vision_shape(vision: str, image_size: int, device: str) -> tuple[int, Grid, int]:
    """On the CPU an encoder may read the values of its weights when it is built."""
    with torch.device(device):
        built = build_vision(json.loads(vision), image_size)
    return built.width, built.native_grid, num_parameters(built)


def max_images(source: Named) -> int:
    """The most images that an example of a source has."""
    return _max_images(json.dumps(source))


@cache
def _max_images(source: str) -> int:
    """Found once, for the source may have to read all of its records."""
    return build_source(json.loads(source)).max_images


def random_pairs(
    sizes: ComponentSpecs, rows: int, width: int, grid: Grid, regions: bool = False, images: int = 1
) -> Batch:
    """A batch of random visual tokens, with prompts and targets of typical lengths, padding included."""
    longest, mean = (REGION, REGION) if regions else (TARGET, ANSWER)
    return {
        "tokens": torch.randn(rows, images, grid[0] * grid[1], width),
        "prompts": random_ids(sizes, rows, PROMPT),
        "prompt_mask": torch.ones(rows, PROMPT, dtype=torch.bool),
        "targets": random_ids(sizes, rows, longest),
        "target_mask": (torch.arange(longest) < mean).expand(rows, -1),
    }
