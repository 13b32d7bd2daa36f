"""Lightning's Trainer, as all stages use it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import lightning as L
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import Profiler
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from torch.distributed.fsdp import FSDPModule

from pali3kit.training.cluster import find_cluster
from pali3kit.training.context import Execution
from pali3kit.training.device import chosen_device, chosen_precision


def build_trainer(
    callbacks: list[Callback],
    steps: int,
    clip_norm: float,
    execution: Execution,
    microbatches: int,
    logger: Logger | None = None,
    profiler: Profiler | None = None,
) -> L.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # else it advertises on the terminal of `step`
    device = chosen_device()
    return L.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        num_nodes=execution.nodes,
        devices=execution.devices,
        strategy=_strategy(execution),
        # one process stays one in whatever cluster it runs, for instance in a shell on a SLURM node
        plugins=[find_cluster() if execution.world_size > 1 else LightningEnvironment()],
        use_distributed_sampler=False,
        precision=chosen_precision(device, execution.precision),
        max_steps=steps,
        max_epochs=-1,
        gradient_clip_val=clip_norm or None,
        accumulate_grad_batches=microbatches,
        callbacks=callbacks,
        logger=logger or False,
        profiler=profiler,
        log_every_n_steps=0,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )


def _strategy(execution: Execution) -> str | Strategy:
    """Lightning's strategy; the ranks themselves are started by a launcher."""
    if execution.world_size == 1:
        return "auto"
    if execution.strategy == "ddp":
        return DDPStrategy(broadcast_buffers=False)
    return _FullyShardStrategy(save_distributed_checkpoint=False)


class _FullyShardStrategy(ModelParallelStrategy):
    """Lightning's strategy for FSDP2, with its mesh of nodes x devices of a node.

    In all microbatches of a step but the last, gradients add up in each rank and gathered matrices are kept, so that
    a step reduces gradients once. Lightning does so for DDP alone.
    """

    @contextmanager
    def block_backward_sync(self) -> Iterator[None]:
        self._synchronise(False)
        try:
            yield
        finally:
            self._synchronise(True)

    def _synchronise(self, wanted: bool) -> None:
        assert isinstance(self.model, FSDPModule)
        self.model.set_requires_gradient_sync(wanted)
        self.model.set_reshard_after_backward(wanted)

    @property
    def distributed_sampler_kwargs(self) -> dict[str, int]:
        """Every rank has data of its own: Lightning counts nodes, since it takes the other axis for tensor parallel."""
        return {"num_replicas": self.world_size, "rank": self.global_rank}
