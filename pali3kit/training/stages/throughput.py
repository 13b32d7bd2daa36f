"""Times the image encoder's forward pass on random images."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from pali3kit.evals.scores import EvalResult
from pali3kit.plan.kinds.throughput import Config
from pali3kit.training.context import StageContext
from pali3kit.training.device import inference_precision
from pali3kit.training.stages.measured import encoder_and_images, write_value

_CALLS, _ENOUGH = 20, 5.0  # calls at most, and seconds after which no further one is made


@torch.inference_mode()
def run(config: Config, context: StageContext) -> None:
    """Write `metrics.json`: images per second of the fastest call, on CPUs of one core; the threads are in `extra`.

    The manifest has the machine and the precision, on which it depends and the digest does not.
    """
    vision, images = encoder_and_images(config, context)

    def encode() -> None:
        vision(images)
        if images.is_cuda:
            torch.cuda.synchronize()  # kernels run on after the call has returned

    # Processor time, the sum over threads, hardly depends on what else runs on the machine; a GPU's work is not in it.
    clock = time.perf_counter if images.is_cuda else time.process_time
    with inference_precision(context.execution.precision):
        seconds = _fastest(encode, clock)
    write_value(context.folder, EvalResult(config.batch_size / seconds, extra={"threads": context.threads}))


def _fastest(call: Callable[[], None], clock: Callable[[], float]) -> float:
    """Seconds, by a clock, of the fastest of up to `_CALLS` calls after a warm-up."""
    begin, times = time.perf_counter(), list[float]()
    call()
    while len(times) < _CALLS and not (times and time.perf_counter() - begin > _ENOUGH):
        start = clock()
        call()
        times.append(clock() - start)
    return min(times)
