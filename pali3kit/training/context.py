"""What a stage receives: folders, the seed, how to execute, and how to report progress; and what it costs."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Protocol

from pali3kit.config.component import Component
from pali3kit.config.runtime import Runtime
from pali3kit.config.vocabulary import CODES, MODES, SENTINELS, Vocabulary
from pali3kit.types import Named

CHECKPOINTS = "checkpoint"
UNFINISHED = (CHECKPOINTS, "best.safetensors", "best.partial", "progress.json")
"""Files and folders from which a killed stage continues; they are removed before its artifact is published."""


class _ReportProgress(Protocol):
    """Reports progress; cheap enough to be called at every step."""

    def __call__(self, done: int, total: int, **numbers: float) -> None:
        """Report `done` of `total` units (examples), with the latest numbers, e.g. `loss=0.4`."""
        ...


@dataclass(frozen=True)
class Execution:
    """How a stage is executed, without effect on its result.

    Attributes:
        nodes: machines over which a stage is distributed.
        devices: processes on each node, one for each GPU if there are GPUs.
        strategy: "ddp" replicates the model in every rank, "fsdp" shards it (FSDP2).
        contrastive_loss: how ranks compare their images with the texts of all, "gather" or "ring" (`losses.sigmoid`).
        num_workers: processes per rank that prepare batches.
        checkpoint_seconds: interval of checkpoints; 0: one after each step.
        grace_seconds: how long a stage that is asked to stop may take, before it is killed.
        max_bad_fraction: share of unusable samples above which training stops.
        precision: "fp32", "bf16" (autocast), or "auto": bf16 on GPUs that support it.
        attention: attention backend of the language encoder (`language.attention`).
        gradient_checkpointing: whether activations are computed again in the backward pass.
        max_tokens_per_microbatch: tokens per microbatch of the language model: of PaLI's encoder, or of a window of
            text; gradients of a batch's microbatches add up (0: no limit). Without gradients, of a batch of images or
            answers (0: `evals.batches.TOKENS`).
        logger: a logger of learning curves (`training.loggers`).
        callbacks: further callbacks of trainings (registry `callback`), by any names.
        profiler: a profiler of trainings (`training.profilers`).
        rank: of this process.
    """

    nodes: int = 1
    devices: int = 1
    strategy: str = "ddp"
    contrastive_loss: str = "gather"
    num_workers: int = 0
    checkpoint_seconds: float = 20.0
    grace_seconds: float = 60.0
    max_bad_fraction: float = 0.05
    precision: str = "auto"
    attention: str = "auto"
    gradient_checkpointing: bool = False
    max_tokens_per_microbatch: int = 0
    logger: Component | None = None
    callbacks: Mapping[str, Component] = field(default_factory=dict)
    profiler: Component | None = None
    rank: int = 0

    @classmethod
    def of(cls, runtime: Runtime) -> Execution:
        """The same keys of `runtime`, those of one kind of stage (`Runtime.of`)."""
        known = {each.name for each in fields(cls)}
        return cls(**{key: value for key, value in vars(runtime).items() if key in known})

    @property
    def world_size(self) -> int:
        """Number of ranks of all nodes together."""
        return self.nodes * self.devices


def _print_to_stderr(text: str) -> None:
    print(text, file=sys.stderr)


@dataclass(frozen=True, slots=True)
class Logged:
    """What a logger calls a training: the label of its stage, and the name of the artifact that it makes."""

    label: str = "training"
    artifact: str = "training"

    @property
    def title(self) -> str:
        """A name for people and file systems, found again by its artifact: `transfer-caption-siglip-0a1b2c3d4e5f`."""
        plain = re.sub(r"[^\w.+-]+", "-", self.label)
        return f"{plain}-{self.artifact.rpartition('-')[2]}"


@dataclass(frozen=True)
class StageContext:
    """Everything that a stage may use besides its own config.

    Attributes:
        folder: private to the stage. It survives a kill, so that the stage continues from its checkpoint there; its
            content is published when the stage returns.
        parents: from a role (`vision`, `tokenizer`, `model`, ...) to the published folder of that parent.
        seed: of all random numbers.
        report: reports progress.
        threads: that the stage may use.
        execution: how to execute it.
        say: prints a line for the user.
        logged: what a logger calls this training.
    """

    folder: Path
    parents: dict[str, Path]
    seed: int
    report: _ReportProgress
    threads: int
    execution: Execution = Execution()
    say: Callable[[str], None] = _print_to_stderr
    logged: Logged = Logged()

    @property
    def writes(self) -> bool:
        """Whether this rank writes files: only rank 0 does."""
        return self.execution.rank == 0


@dataclass(frozen=True)
class MemoryProfile:
    """Memory and compute of a stage, found without allocating it (`training.memory_profile`).

    Attributes:
        parameters: number of parameters.
        state: bytes of parameters, and of gradients and optimizer state of trainable ones.
        activations: bytes that the backward pass of one example needs, in fp32.
        recomputed: the same with gradient checkpointing.
        flops: FLOPs of one example's forward pass.
        tokens: of one example, image tokens included.
        effort: FLOPs of the steps that a calibration would time.
        disk: bytes on disk that one example leaves.
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
class ComponentSpecs:
    """The components of a stage and its ancestors: enough to build, with random weights, everything that it runs.

    `vocabulary` is the size of a tokenizer to be trained; `file` and `rows` describe one that exists. `codes` is the
    number of mask tokens.
    """

    image_size: int = 0
    vision: Named = field(default_factory=dict)
    language: Named = field(default_factory=dict)
    projector: Named = field(default_factory=dict)
    mask_tokenizer: Named = field(default_factory=dict)
    vocabulary: int | None = None
    file: str | None = None
    rows: int | None = None
    codes: int | None = None

    @property
    def vocabulary_size(self) -> int:
        """Number of ids of the tokenizer, special tokens included."""
        codes = self.codes or CODES
        if self.file is not None:
            return Vocabulary(Path(self.file), codes, rows=self.rows).size
        return (self.vocabulary or 0) + SENTINELS + len(MODES) + codes


@dataclass(frozen=True)
class StageCost:
    """What a stage's optional `calibrate(config, sizes)` measures.

    Attributes:
        seconds: per unit (one training example, or what `report` counts) on this machine with its threads.
        fixed: seconds once per stage.
        parameters: number of parameters.
        tokens: of one unit, image tokens included.
        disk: bytes on disk that one unit leaves.
        step: seconds once per optimizer step.
    """

    seconds: float
    fixed: float = 0.0
    parameters: int | None = None
    tokens: int | None = None
    disk: int = 0
    step: float = 0.0
