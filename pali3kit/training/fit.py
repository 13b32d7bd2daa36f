"""The training loop of all stages: Lightning with batches as a pure function of the step, exactly resumable."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from pali3kit.config.stages import Training
from pali3kit.errors import Pali3Error, StageError
from pali3kit.orphans import die_with_parent
from pali3kit.training.checkpoints import CHECKPOINT, completed_steps, save_checkpoint
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.device import chosen_device, chosen_precision
from pali3kit.training.modules import StageModule
from pali3kit.training.stopping import TERMINATED, StopRequest

CURVE_POINTS = 100
MakeBatch = Callable[[int], Any]
"""From a step to its batch, or to a list of microbatches whose gradients add up."""


class _Steps(IterableDataset[object]):
    """The batches of all steps from `start` on; each depends on its step only."""

    def __init__(self, make: MakeBatch, start: int, total: int) -> None:
        self.make, self.start, self.total = make, start, total

    def __iter__(self) -> Iterator[object]:
        """All steps, or in a worker process every `num_workers`-th: the loader takes the workers' batches in turn."""
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in range(self.start + number, self.total, count):
            try:
                yield self.make(step)
            except Pali3Error as error:  # raised by the trainer: a worker process would wrap it in a traceback
                yield error


class _Microbatches:
    """The microbatches of a loader's batches, one by one."""

    def __init__(self, loader: DataLoader[object]) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[object]:
        for batch in self.loader:
            yield from batch if isinstance(batch, list) else [batch]


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
            self.sums[name] = self.sums.get(name, 0.0) + value / self.microbatches
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


def fit(
    module: StageModule,
    make: MakeBatch,
    training: Training,
    context: StageContext,
    recorders: Sequence[Callback] = (),
    microbatches: int = 1,
) -> None:
    """Train `module` on `make(step)` until the budget is spent, and write `curve.csv` to the stage's folder.

    Training continues from a checkpoint in the folder: weights, optimizer state and curve are restored and batches are
    functions of the step, so that a killed run ends with the same numbers. A damaged checkpoint is reported and not
    used. The last one is kept, since the trained weights are not saved yet.

    Args:
        module: what to train.
        make: from a step to its batch, or to a list of its `microbatches`, whose mean gradient is applied once.
        training: the budget.
        context: of the stage.
        recorders: further callbacks.
        microbatches: number of microbatches per step.

    Raises:
        StageError: the loss is not finite, or the checkpoint was written with another strategy.
        DataError: a batch cannot be made.
        SystemExit: SIGTERM was received; the checkpoint is that of the current step.
    """
    steps = count_steps(training)
    checkpoint = context.folder / CHECKPOINT
    start = completed_steps(checkpoint, context)
    recorder = Recorder(context, steps, microbatches)
    L.seed_everything(context.seed, verbose=False)
    module.prepare(training.optimizer, steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and intervals does not apply
        # Must be the last callback: it checkpoints the state that the other callbacks update in this step.
        trainer = _trainer([*recorders, recorder], steps, training.optimizer.clip_norm, context.execution, microbatches)
        loader = _Microbatches(_loader(_Steps(make, start, steps), context.execution.num_workers))
        with _workers_killed():
            path = str(checkpoint) if start else None
            trainer.fit(module, loader, ckpt_path=path, weights_only=bool(start) or None)
    if context.writes:
        _write_curve(recorder.rows, context.folder / "curve.csv")


def _over_ranks(trainer: L.Trainer, value: float) -> float:
    """The mean of a number over all ranks; a collective operation."""
    if trainer.world_size == 1:
        return value
    mean: torch.Tensor = trainer.strategy.reduce(torch.tensor(value, dtype=torch.float64), reduce_op="mean")
    return float(mean)


def count_steps(training: Training) -> int:
    """Number of whole batches in the budget, at least one."""
    return max(1, training.examples // training.batch_size)


def _trainer(
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


def _loader(steps: _Steps, processes: int) -> DataLoader[object]:
    """A loader with `processes` worker processes. They are forked, since `make` need not be picklable."""
    if not processes:
        return DataLoader(steps, batch_size=None)
    parent = os.getpid()

    def init_worker(number: int) -> None:
        die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it may reach the whole process group; the trainer handles it

    return DataLoader(
        steps, batch_size=None, num_workers=processes, multiprocessing_context="fork", worker_init_fn=init_worker
    )


@contextmanager
def _workers_killed() -> Iterator[None]:
    """Kill worker processes at the end: after an error they live as long as its traceback is referenced."""
    try:
        yield
    finally:
        for process in multiprocessing.active_children():
            if process.daemon:
                process.kill()
                process.join()


def _strategy(execution: Execution) -> str | Strategy:
    """Lightning's strategy; the ranks themselves are started by `execution/ranks.py`."""
    if execution.devices == 1:
        return "auto"
    if execution.strategy == "ddp":
        return DDPStrategy(broadcast_buffers=False)
    return ModelParallelStrategy(
        data_parallel_size=execution.devices, tensor_parallel_size=1, save_distributed_checkpoint=False
    )


def _is_finite(value: float) -> bool:
    return value - value == 0.0


def _write_curve(rows: list[dict[str, float]], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
