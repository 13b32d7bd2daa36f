"""The callback that records a training: progress, learning curve, checkpoints, and the end on NaN or a signal."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import STEP_OUTPUT

from pali3kit.errors import Pali3Error, StageError
from pali3kit.training.checkpoints import TrainingCheckpoints
from pali3kit.training.context import StageContext
from pali3kit.training.stopping import TERMINATED, StopRequest

CURVE_POINTS = 100


class Recorder(Callback):
    """Reports progress, records the learning curve, writes checkpoints, and stops at the first NaN, or on a signal.

    The curve is the mean over all ranks, that is over the whole batch.
    """

    def __init__(
        self, context: StageContext, steps: int, checkpoints: TrainingCheckpoints, microbatches: int = 1
    ) -> None:
        self.context, self.steps, self.checkpoints, self.microbatches = context, steps, checkpoints, microbatches
        self.every = max(1, steps // CURVE_POINTS)
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.shared_sums: dict[str, float] = {}  # means over the ranks, for the checkpoint
        self.last_save, self.save_seconds = time.monotonic(), 0.0
        self.stop = StopRequest()

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Continue from a checkpoint, now that the strategy is set up."""
        if self.checkpoints.step:
            self.checkpoints.restore(trainer, self.microbatches)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.stop.listen()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        if isinstance(batch, Pali3Error):
            raise batch
        # Dropout is a function of the step too, on every device, so that no generator state must be saved.
        rank, microbatch = self.context.execution.rank, batch_idx % self.microbatches
        torch.manual_seed(_random_state(self.context.seed, rank, trainer.global_step, microbatch))

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: STEP_OUTPUT, batch: object, batch_idx: int
    ) -> None:
        step = trainer.global_step
        assert isinstance(outputs, Mapping)
        numbers = {name: float(value) for name, value in outputs.items()}
        if not all(map(_is_finite, numbers.values())):
            raise StageError(f"the loss is not finite at step {step}: {numbers}. Lower the learning rate")
        for name, value in numbers.items():
            part = value if name == "loss" else value / self.microbatches  # Lightning has divided the loss
            self.sums[name] = self.sums.get(name, 0.0) + part
        if (batch_idx + 1) % self.microbatches:
            return
        if step % self.every == 0 or step == self.steps:
            count = (step - 1) % self.every + 1
            means = {name: _over_ranks(trainer, total / count) for name, total in self.sums.items()}
            self.rows.append({"step": step, **means})
            self.sums = {}
            for logger in trainer.loggers:
                logger.log_metrics({name: value for name, value in self.rows[-1].items() if name != "step"}, step)
            self.context.report(step, self.steps, **{k: v for k, v in self.rows[-1].items() if k != "step"})
        if self._any_rank(trainer, self._is_due() or self.stop.came):
            self._save(trainer)

    def _is_due(self) -> bool:
        """Whether to write a checkpoint. At most a tenth of the time, training waits for them."""
        every, idle = self.context.execution.checkpoint_seconds, self.checkpoints.idle()
        interval = max(every, 10 * self.save_seconds)
        return not every or (idle and time.monotonic() - self.last_save > interval)

    def _save(self, trainer: L.Trainer) -> None:
        """Write a checkpoint, and stop where a rank is asked to."""
        stopping = self._any_rank(trainer, self.stop.came)
        start = time.monotonic()
        self.shared_sums = {name: _over_ranks(trainer, total) for name, total in self.sums.items()}
        self.checkpoints.save(trainer, finish=stopping)
        self.last_save = time.monotonic()
        self.save_seconds = self.last_save - start
        if stopping:
            raise SystemExit(TERMINATED)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.checkpoints.finish()

    def _any_rank(self, trainer: L.Trainer, condition: bool) -> bool:
        """Whether the condition holds in any rank, so that all ranks save and stop together."""
        return bool(trainer.strategy.reduce_boolean_decision(condition, all=False))

    def state_dict(self) -> dict[str, object]:
        return {"rows": self.rows, "sums": self.shared_sums}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.sums = state_dict["rows"], state_dict["sums"]

    def write_curve(self, path: Path) -> None:
        """Write the learning curve as CSV."""
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def _random_state(seed: int, rank: int, step: int, microbatch: int) -> int:
    """A seed of 64 bits for torch's generators.

    CUDA's generators use all bits. The CPU's keeps the low 32, so that of a million streams about 116 are equal to
    another one (measured in four sets: 109 to 139), at unrelated steps; all 64 bits differed.
    """
    return int(np.random.SeedSequence([seed, rank, step, microbatch]).generate_state(1, np.uint64)[0])


def _over_ranks(trainer: L.Trainer, value: float) -> float:
    """The mean of a number over all ranks; a collective operation.

    Lightning asks for a mean unless the backend is "gloo" alone; beside NCCL too it is gloo that adds numbers of the
    CPU, and older versions of it know no mean.
    """
    if trainer.world_size == 1:
        return value
    total: torch.Tensor = trainer.strategy.reduce(torch.tensor(value, dtype=torch.float64), reduce_op="sum")
    return float(total) / trainer.world_size


def _is_finite(value: float) -> bool:
    return value - value == 0.0
