"""How fast a training is, how long it waits for data and how much of its device it uses, as logged values."""

from __future__ import annotations

import time
from contextlib import ExitStack
from statistics import mean

import lightning as L
import torch
from lightning.fabric.utilities.throughput import Throughput as Rates
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.types import STEP_OUTPUT

from pali3kit.config.hardware import find_accelerator
from pali3kit.language.attention import is_counted
from pali3kit.registry import CALLBACK
from pali3kit.training.memory_profile import FlopCounter

_LOGGED = {
    "device/batches_per_sec": "batches_per_second",
    "device/flops_per_sec": "flops_per_second",
    "device/mfu": "mfu",
}


@CALLBACK.register("throughput", "logs batches per second, the share of waiting for data, and MFU on known GPUs")
class Throughput(Callback):
    """Logs to `runtime.logger`, of this rank, `batches_per_second`; `waiting_for_data`, the share of 0 to 1 of the time
    between batches, in which checkpoints are written too; and in bf16 on the GPUs of `runtime.hardware`
    `flops_per_second` and `mfu`, the share of 0 to 1 of their peak.

    FLOPs are those of the model's matrix products, forward and backward, counted in the first step. They and `mfu` are
    absent with gradient checkpointing, which computes more than the model needs, and with an attention that cannot be
    counted (`language.attention.BACKENDS`). Kernels whose FLOPs torch does not know, as some of xformers', are not
    counted: then `mfu` is a lower bound.

    Args:
        every: how many batches one value is the mean of; with microbatches each of them is a batch.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = every
        self.rates = Rates(window_size=every + 1)
        self.begun = self.ended = self.waited = 0.0
        self.batches, self.counts = 0, False
        self.counted: list[int] = []
        self.counter: FlopCounter | None = None
        self.counting = ExitStack()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        countable = not any(map(_is_uncountable, pl_module.modules()))
        available = _peak_flops(trainer.strategy.root_device, trainer.precision) if countable else None
        self.rates = Rates(available, window_size=self.every + 1)
        self.batches, self.counts, self.counted = 0, available is not None, []
        self.rates.update(time=0.0, batches=0, samples=0, flops=0 if self.counts else None)
        self.begun = self.ended = time.monotonic()
        self.waited = 0.0

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        self.waited += time.monotonic() - self.ended
        if self.counts and len(self.counted) < trainer.accumulate_grad_batches:
            self.counter = self.counting.enter_context(FlopCounter())

    def on_after_backward(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._stop_counting()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: STEP_OUTPUT, batch: object, batch_idx: int
    ) -> None:
        if trainer.strategy.root_device.type == "cuda":
            torch.cuda.synchronize()  # else the next callback that reads a loss would wait, not this batch
        self.ended = time.monotonic()
        self.batches += 1
        flops = round(mean(self.counted)) if self.counted else None
        self.rates.update(time=self.ended - self.begun, batches=self.batches, samples=self.batches, flops=flops)
        if self.batches % self.every:
            return
        found = self.rates.compute()
        values = {ours: float(found[theirs]) for theirs, ours in _LOGGED.items() if theirs in found}
        values["waiting_for_data"] = self.waited * values["batches_per_second"] / self.every
        for logger in trainer.loggers:
            logger.log_metrics(values, trainer.global_step)
        self.waited = 0.0

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        self._stop_counting()

    def _stop_counting(self) -> None:
        if self.counter is not None:
            self.counting.close()
            self.counted.append(self.counter.flops)
            self.counter = None


def _is_uncountable(module: torch.nn.Module) -> bool:
    """Whether a module computes something twice, or in a kernel that cannot be counted."""
    flags = ("gradient_checkpointing", "grad_checkpointing")  # ours, and timm's and open_clip's
    attention = getattr(module, "attention", None)  # a module, or the name of a backend
    uncounted = isinstance(attention, str) and not is_counted(attention)
    return uncounted or any(getattr(module, flag, False) is True for flag in flags)


def _peak_flops(device: torch.device, precision: str | int | None) -> float | None:
    """FLOP/s of dense matrix products in bf16; None in another precision, or where they are not known."""
    if device.type != "cuda" or precision != "bf16-mixed":
        return None
    found = find_accelerator(torch.cuda.get_device_name(device))
    return found.tflops * 1e12 if found else None
