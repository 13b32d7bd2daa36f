"""Metrics whose numbers are exact, and those that keep what they saw, over ranks of which some saw nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric
from typing_extensions import Self


class ExactMetric(Metric):
    """A metric whose states stay of their dtypes when the model that holds it is cast, or `set_dtype` asks for others:
    a sum in bfloat16 stays at 256, and no bytes of texts are left of numbers in float16.
    """

    full_state_update = False

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Self:
        def move(state: Tensor) -> Tensor:
            moved = fn(state)
            return moved if moved.dtype == state.dtype else state.to(moved.device)

        super()._apply(move, exclude_state)
        return self


class GatheredMetric(ExactMetric):
    """A metric whose states are lists of flat tensors of the dtypes `kept`, joined over batches and ranks.

    torchmetrics lets a rank that has seen nothing gather an empty tensor of its own choice of dtype and dimensions,
    with which the other ranks' do not go: here all are flat, and an empty one is of the state's dtype.
    """

    kept: ClassVar[Mapping[str, torch.dtype]] = {}

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        for name in self.kept:
            self.add_state(name, [], dist_reduce_fx="cat")

    def keep(self, name: str, values: Tensor) -> None:
        """Add to a state."""
        getattr(self, name).append(values.detach().to(self.device, self.kept[name]).flatten())

    def joined(self, name: str) -> Tensor:
        """All of a state: before ranks are joined it is a list, after that one tensor."""
        found = getattr(self, name)
        if isinstance(found, Tensor):
            return found
        return torch.cat(found) if found else torch.empty(0, dtype=self.kept[name], device=self.device)

    def sync(
        self,
        dist_sync_fn: Callable[..., object] | None = None,
        process_group: object = None,
        should_sync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> None:
        """Join the ranks' states: each takes part, with nothing where it has seen nothing."""
        for name, dtype in self.kept.items():
            if isinstance(getattr(self, name), list) and not getattr(self, name):
                self.keep(name, torch.empty(0, dtype=dtype))
        super().sync(dist_sync_fn, process_group, should_sync, distributed_available)
