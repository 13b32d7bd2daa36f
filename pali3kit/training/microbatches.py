"""A rank's part of a batch and its microbatches, and how many target tokens they have together."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TypeVar

import torch
from torch import Tensor

from pali3kit.training.context import Execution

T = TypeVar("T")


def part(whole: Sequence[T], number: int, parts: int) -> Sequence[T]:
    """One of `parts` contiguous parts of nearly equal length; none is empty if there are no more parts than items."""
    return whole[number * len(whole) // parts : (number + 1) * len(whole) // parts]


def count_microbatches(batch_size: int, tokens: int, execution: Execution) -> int:
    """Microbatches of a rank's part of a batch: each has one example or at most `max_tokens_per_microbatch` tokens.

    There are never more than the part has examples, so that none is empty.
    """
    limit = execution.max_tokens_per_microbatch
    return ceil(batch_size // execution.world_size / max(1, limit // tokens)) if limit else 1


def count_target_tokens(microbatches: Sequence[dict[str, Tensor]]) -> None:
    """Add to each of a rank's microbatches of a step their number (`parts`) and their target tokens (`step_tokens`).

    Both are int64 scalars, from which `training.modules` computes the mean over all target tokens of the step.
    """
    total = torch.stack([batch["target_mask"].sum() for batch in microbatches]).sum()
    for batch in microbatches:
        batch["step_tokens"], batch["parts"] = total, torch.tensor(len(microbatches))
