"""A callback: the norm of all weights."""

from __future__ import annotations

import lightning as L
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import STEP_OUTPUT

from pali3kit.registry import CALLBACK


@CALLBACK.register("weight_norm", "logs the norm of all weights")
class WeightNorm(Callback):
    """Logs `weight_norm` to the loggers of the run.

    Args:
        every: after how many batches.
    """

    def __init__(self, every: int = 100) -> None:
        self.every = every

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: STEP_OUTPUT, batch: object, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % self.every == 0:
            norms = torch.stack([weight.detach().norm() for weight in pl_module.parameters()])
            for logger in trainer.loggers:
                logger.log_metrics({"weight_norm": float(norms.norm())}, trainer.global_step)
