"""What a unit of each stage costs here: a few steps on made-up batches of the right shape."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pali3kit.config.schema import Training
from pali3kit.config.vocabulary import CODES, MODES, SENTINELS, Vocabulary
from pali3kit.models.pali import PaLI
from pali3kit.registry import LANGUAGE
from pali3kit.training.context import Cost, Weight
from pali3kit.training.modules import Batch, StageModule
from pali3kit.training.parts import build_pali, build_part, build_vision
from pali3kit.training.weighing import Weighed, rehearsing, weigh

# Tokens as the embedded world has them: of the longest prompt and target of a batch, of a target, and of a region.
PROMPT, TARGET, ANSWER, REGION = 30, 18, 6, 21
STEPS = 4
START_UP = 1.0  # seconds to read parents and open the source


def training_cost(module: StageModule, make: Callable[[int], Batch], budget: Training, tokens: int) -> Cost:
    """Seconds per example of a training stage; `make` is timed too. `tokens` are those of one example."""
    module.prepare(budget.optimizer, steps=1)
    optimizer = module.configure_optimizers()["optimizer"]
    if rehearsing():
        with torch.device("cpu"):  # pictures are real
            batch = make(0)
        raise Weighed(_rehearsed(module, optimizer, batch, tokens))

    def step(number: int) -> None:
        optimizer.zero_grad()
        module.losses(make(number))["loss"].backward()
        optimizer.step()

    module.train()
    seconds = fastest_seconds(step)
    return Cost(seconds / budget.batch_size, START_UP, count(module), tokens)


def _rehearsed(module: StageModule, optimizer: Optimizer, batch: Batch, tokens: int) -> Weight:
    """The weight of a step on `batch`, which is one example."""
    batch = {name: value.to("meta") for name, value in batch.items() if isinstance(value, Tensor)}
    return weigh(module, optimizer, lambda: module.losses(batch)["loss"], tokens)


def fastest_seconds(step: Callable[[int], object]) -> float:
    """The fastest of a few calls, after one that warms up: what slows a single step is somebody else."""
    if rehearsing():
        raise Weighed
    step(0)
    times = []
    for number in range(1, STEPS + 1):
        start = time.perf_counter()
        step(number)
        times.append(time.perf_counter() - start)
    return min(times)


def count(module: nn.Module) -> int:
    """All parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())


def vocabulary(config: Mapping[str, Any]) -> int:
    """The size that the tokenizer of `config` will have, special tokens included."""
    codes = int(config.get("codes") or CODES)
    if "file" in config:
        return Vocabulary(Path(config["file"]), codes, rows=config.get("rows")).size
    return int(config["vocabulary"]) + SENTINELS + len(MODES) + codes


def random_ids(config: Mapping[str, Any], *shape: int) -> Tensor:
    """Token ids `[*shape]`."""
    return torch.randint(2, vocabulary(config), shape)


def random_pali(config: Mapping[str, Any]) -> tuple[PaLI, int, tuple[int, int]]:
    """PaLI of the config's parts without its encoder, the encoder's width, and its grid."""
    vision = build_vision(config)
    language = build_part(LANGUAGE, config["language"], vocabulary=vocabulary(config))
    return build_pali(config, vision.width, language), vision.width, vision.native_grid


def random_pairs(config: Mapping[str, Any], rows: int, width: int, grid: tuple[int, int]) -> Batch:
    """Visual tokens with prompts and targets of typical length; most of a batch of short answers is padding."""
    longest, mean = (REGION, REGION) if config.get("task") == "refer" else (TARGET, ANSWER)
    return {
        "tokens": torch.randn(rows, grid[0] * grid[1], width),
        "prompts": random_ids(config, rows, PROMPT),
        "prompt_mask": torch.ones(rows, PROMPT, dtype=torch.bool),
        "targets": random_ids(config, rows, longest),
        "target_mask": (torch.arange(longest) < mean).expand(rows, -1),
    }
