"""The callback that records a training: progress, learning curve, checkpoints, and the end on NaN or SIGTERM."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import STEP_OUTPUT

from pali3kit.errors import Pali3Error, StageError
from pali3kit.training.checkpoints import save_checkpoint
from pali3kit.training.context import StageContext
from pali3kit.training.stopping import TERMINATED, StopRequest

CURVE_POINTS = 100


class Recorder(Callback):
    """Reports progress, records the learning curve, writes checkpoints, and stops at the first NaN or SIGTERM.

    The curve is the mean over all ranks, that is over the whole batch.
    """

    def __init__(self, context: StageContext, steps: int, microbatches: int = 1) -> None:
        self.context, self.steps, self.microbatches = context, steps, microbatches
        self.every = max(1, steps // CURVE_POINTS)
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.last_save, self.save_seconds = time.monotonic(), 0.0
        self.stop = StopRequest()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.stop.listen()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        if isinstance(batch, Pali3Error):
            raise batch
        # Dropout is a function of the step too, on every device, so that no generator state must be saved.
        seed = (self.context.execution.rank << 56) + (self.context.seed << 32) + trainer.global_step
        torch.manual_seed(seed + (batch_idx % self.microbatches << 48))

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
            self.context.report(step, self.steps, **{k: v for k, v in self.rows[-1].items() if k != "step"})
        # At most a tenth of the time is spent on checkpoints.
        interval = max(self.context.execution.checkpoint_seconds, 10 * self.save_seconds)
        due = time.monotonic() - self.last_save > interval
        if self._any_rank(trainer, due or self.stop.came):
            start = time.monotonic()
            save_checkpoint(trainer, self.context)
            self.last_save = time.monotonic()
            self.save_seconds = self.last_save - start if self.context.execution.checkpoint_seconds else 0.0
            if self._any_rank(trainer, self.stop.came):  # a barrier: the file is complete here
                raise SystemExit(TERMINATED)

    def _any_rank(self, trainer: L.Trainer, condition: bool) -> bool:
        """Whether the condition holds in any rank, so that all ranks save and stop together."""
        return bool(trainer.strategy.reduce_boolean_decision(condition, all=False))

    def state_dict(self) -> dict[str, object]:
        return {"rows": self.rows, "sums": self.sums, "sharded": self.context.execution.sharded}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.sums = state_dict["rows"], state_dict["sums"]

    def write_curve(self, path: Path) -> None:
        """Write the learning curve as CSV."""
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(self.rows[0]))
            writer.writeheader()
            writer.writerows(self.rows)


def _over_ranks(trainer: L.Trainer, value: float) -> float:
    """The mean of a number over all ranks; a collective operation."""
    if trainer.world_size == 1:
        return value
    mean: torch.Tensor = trainer.strategy.reduce(torch.tensor(value, dtype=torch.float64), reduce_op="mean")
    return float(mean)


def _is_finite(value: float) -> bool:
    return value - value == 0.0
