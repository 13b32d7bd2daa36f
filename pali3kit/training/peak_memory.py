"""The most bytes of tensors that a computation has at once, on any device."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(run: Callable[[], object], known: Iterable[Tensor] = ()) -> int:
    """The most bytes of storages that are alive at once while `run` runs; those of `known` tensors do not count.

    It counts what operations return. What a kernel or an allocator takes beside that is not seen.
    """
    live = _LiveStorages(known)
    with live:
        run()
    return live.peak


class _LiveStorages(TorchDispatchMode):
    """Adds up the bytes of storages from the operation that returns them until they are freed."""

    def __init__(self, known: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.alive = {tensor.untyped_storage()._cdata for tensor in known}
        self.bytes: int = 0
        self.peak: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor):
                self._add(leaf)
        return output

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place, size = storage._cdata, storage.nbytes()
        if place not in self.alive:
            self.alive.add(place)
            self.bytes += size
            self.peak = max(self.peak, self.bytes)
            weakref.finalize(storage, self._free, place, size)

    def _free(self, place: int, size: int) -> None:
        self.alive.discard(place)
        self.bytes -= size
