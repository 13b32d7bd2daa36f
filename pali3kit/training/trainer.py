"""Lightning's Trainer, as all stages use it."""

from __future__ import annotations

import lightning as L
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy, Strategy

from pali3kit.training.context import Execution
from pali3kit.training.device import chosen_device, chosen_precision
from pali3kit.training.shard import FullyShardStrategy


def build_trainer(
    callbacks: list[Callback], steps: int, clip_norm: float, execution: Execution, microbatches: int
) -> L.Trainer:
    device = chosen_device()
    return L.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=execution.devices,
        strategy=_strategy(execution),
        plugins=[LightningEnvironment()],  # we start the processes, in any cluster
        use_distributed_sampler=False,
        precision=chosen_precision(device, execution.precision),
        max_steps=steps,
        max_epochs=-1,
        gradient_clip_val=clip_norm or None,
        accumulate_grad_batches=microbatches,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )


def _strategy(execution: Execution) -> str | Strategy:
    """Lightning's strategy; the ranks themselves are started by `execution/ranks.py`."""
    if execution.world_size == 1:
        return "auto"
    if execution.strategy == "ddp":
        return DDPStrategy(broadcast_buffers=False)
    return FullyShardStrategy(save_distributed_checkpoint=False)
