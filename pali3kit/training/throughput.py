"""How fast a training is, and how long it waits for data, as logged values."""

from __future__ import annotations

import time

import lightning as L
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import STEP_OUTPUT

from pali3kit.registry import CALLBACK


@CALLBACK.register("throughput", "logs batches per second, and the share of the time that is waited for data")
class Throughput(Callback):
    """Logs `batches_per_second` of this rank and `waiting_for_data`, a share of 0 to 1, to `runtime.logger`.

    Args:
        every: how many batches one value is the mean of; with microbatches each of them is a batch.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = every
        self.begun = self.ended = 0.0
        self.waited = 0.0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.begun = self.ended = time.monotonic()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        self.waited += time.monotonic() - self.ended

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: STEP_OUTPUT, batch: object, batch_idx: int
    ) -> None:
        self.ended = time.monotonic()
        if (batch_idx + 1) % self.every:
            return
        passed = self.ended - self.begun
        values = {"batches_per_second": self.every / passed, "waiting_for_data": self.waited / passed}
        for logger in trainer.loggers:
            logger.log_metrics(values, trainer.global_step)
        self.begun, self.waited = self.ended, 0.0
