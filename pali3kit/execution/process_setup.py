"""What every process does before a stage, and how it reports an error in one line."""

from __future__ import annotations

import faulthandler
import os
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pali3kit.errors import Pali3Error

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def seed_and_set_threads(threads: int, seed: int) -> None:
    """Set threads, global random seeds and precision, so that a stage does not depend on what its worker ran before.

    On CPUs equal stages give equal bytes. On GPUs they do not: the gradients of fused attention, for instance, are not
    deterministic.
    """
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        torch: Any = sys.modules["torch"]
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)  # some operations have no such algorithm on GPUs
        # TF32 for what is fp32 on GPUs. The newer `fp32_precision` cannot be mixed with this, which Lightning reads.
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.utils.deterministic.fill_uninitialized_memory = False  # it helps debugging only, and costs time


def error_in_one_line(error: BaseException) -> str:
    """The message of an error, preceded by its type unless it is one of ours."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, Pali3Error) else f"{type(error).__name__}: {text}"


@contextmanager
def output_to(file: Path) -> Iterator[None]:
    """Redirect standard output and error, also of C code, to `file`: the terminal shows the progress bars."""
    kept = [(stream, os.dup(stream)) for stream in (1, 2)]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream, _ in kept:
        os.dup2(descriptor, stream)
    os.close(descriptor)
    faulthandler.enable(file=2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, saved in kept:
            os.dup2(saved, stream)
            os.close(saved)


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables, also for processes started meanwhile, and restore the previous ones."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)  # it may have been removed meanwhile
            else:
                os.environ[name] = value
