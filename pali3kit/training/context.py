"""What a stage is given: where to write, what to read, the seed, and how to say how far it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pali3kit.types import Named

UNFINISHED = ("last.ckpt", "partial.ckpt", "best.safetensors", "best.partial")
"""What a stage leaves in its folder for whoever continues it: gone when what it makes is published."""


class Report(Protocol):
    """Says how far a stage is: cheap enough to be called at every step."""

    def __call__(self, done: int, total: int, **numbers: float) -> None:
        """Report `done` of `total` units (examples), with the latest numbers, e.g. `loss=0.4`."""
        ...


@dataclass(frozen=True)
class Execution:
    """How a stage is carried out, which changes nothing of its result.

    One that trains on pictures may be spread over processes: this is rank `rank` of `ranks`, each with `loaders`
    processes that prepare its batches. `strategy`: "ddp" repeats the model in every rank, "fsdp" shards it (FSDP2).
    Training computes in `precision` "fp32", "bf16" (autocast), or "auto": bf16 on GPUs that have it.
    Training is checkpointed every `checkpoint_seconds`; it stops when more than `most_bad` of all samples are unusable.
    `attention` is the language encoder's, `recompute` spares its activations (`language.attention`, `UL2`). PaLI's
    batches are cut into passes of at most `most_tokens` of the encoder's tokens, whose gradients add up (0: not cut).
    """

    ranks: int = 1
    strategy: str = "ddp"
    loaders: int = 0
    checkpoint_seconds: float = 20.0
    most_bad: float = 0.05
    precision: str = "auto"
    attention: str = "auto"
    recompute: bool = False
    most_tokens: int = 0
    rank: int = 0


def to_stderr(text: str) -> None:
    """What a stage says where nobody else listens."""
    print(text, file=sys.stderr)


@dataclass(frozen=True)
class StageContext:
    """Everything that a stage may use besides its own config.

    `folder` is private to the stage and survives a kill: a stage that finds its own checkpoint there
    continues from it. All that lies in it when the stage returns is published. `parents` leads from
    a role (`vision`, `tokenizer`, `model`, ...) to the published folder of that parent. What is worth a line to whoever
    watches the run is for `say`.
    """

    folder: Path
    parents: dict[str, Path]
    seed: int
    report: Report
    threads: int
    execution: Execution = Execution()
    say: Callable[[str], None] = to_stderr

    @property
    def writes(self) -> bool:
        """Whether this is the process, of all ranks, that writes files."""
        return self.execution.rank == 0


@dataclass(frozen=True)
class Weight:
    """What a stage needs, known without building it (`training.weighing`).

    Bytes: `state` of the parameters, and where they learn of their gradients and moments; `activations` of what one
    example's backward pass needs, in fp32, `recomputed` of the same where layers compute theirs again. `flops` of one
    example's forward pass, `effort` of what would be timed in order to measure the stage. `tokens` of one example, its
    picture's included. `disk` bytes that one example leaves there.
    """

    parameters: int
    state: int
    activations: int = 0
    recomputed: int = 0
    flops: int = 0
    tokens: int = 0
    effort: int = 0
    disk: int = 0


@dataclass(frozen=True)
class Sizes:
    """The components that a stage and its ancestors have: enough to build, with random weights, all that it runs."""

    image_size: int = 0
    vision: Named = field(default_factory=dict)
    language: Named = field(default_factory=dict)
    projector: Named = field(default_factory=dict)
    masks: Named = field(default_factory=dict)
    vocabulary: int | None = None
    file: str | None = None
    rows: int | None = None
    codes: int | None = None


@dataclass(frozen=True)
class Cost:
    """What a stage's optional `calibrate(config, sizes)` measures.

    `seconds` per unit (one training example, or what `report` counts) on this machine with its
    threads, `fixed` seconds once per stage, `step` seconds once per batch of training; `parameters` counts the
    weights that the stage holds, `tokens` those of one unit, image tokens included, `disk` the bytes that one unit
    leaves there.
    """

    seconds: float
    fixed: float = 0.0
    parameters: int | None = None
    tokens: int | None = None
    disk: int = 0
    step: float = 0.0
