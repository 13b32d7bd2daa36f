"""How much memory a computation on the CPU takes, in bytes. Run by itself it does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


def saved_bytes(function: Callable[..., Tensor], inputs: Sequence[Tensor]) -> int:
    """Distinct storages that autograd keeps for the backward of `function(*inputs)`; those of the inputs do not count.

    They exist anyway. A storage of which only a part is needed is kept as a whole, and counts as a whole.
    """
    given = {tensor.untyped_storage().data_ptr() for tensor in inputs}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in given:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        value = function(*inputs)  # held until all is counted: no address is used twice
    total = sum(kept.values())
    del value
    return total


def growth(call: Callable[[], object]) -> int:
    """By how much `call` raises the resident memory of this process at its highest. Linux only.

    Not by `getrusage`: its maximum begins with that of the process that started this one, and cannot be reset.
    """
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # 5: the peak becomes what is resident now
    before = _status("VmRSS")
    call()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))  # the kernel writes kB


def peak_of_process(*words: str) -> int:
    """The number that a Python script prints, whose memory goes back to the system as soon as it is freed.

    Without that, a tensor that reuses what an earlier one left behind would not show in `growth`.
    """
    environment = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # bytes: what is larger is mapped and unmapped
    done = subprocess.run([sys.executable, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout)
