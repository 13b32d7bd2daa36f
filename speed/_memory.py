"""The memory of a computation on the CPU, in bytes. Not a script."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


def saved_bytes(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> int:
    """The distinct storages that autograd saves for the backward pass of `function(*inputs)`, except the inputs' own.

    A storage of which only a part is needed is kept, and counted, as a whole.
    """
    given = {tensor.untyped_storage().data_ptr() for tensor in inputs}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in given:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        value = function(*inputs)  # kept alive until the end, so that no address is reused
    total = sum(kept.values())
    del value
    return total


def growth(call: Callable[[], object]) -> int:
    """By how much `call` raises the peak of this process' resident memory. Linux only.

    The maximum of `getrusage` would include that of the parent process, and cannot be reset.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # 5 resets the peak to the present resident memory
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))  # the kernel writes kB


def peak_of_process(*words: str) -> int:
    """Run a Python script that prints a number, with an allocator that returns freed memory to the system at once.

    Otherwise a tensor that reuses freed memory would not show in `growth`.
    """
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # bytes: larger allocations are mapped and unmapped
    done = subprocess.run([sys.executable, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout)
