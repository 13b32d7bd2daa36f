"""Parts of a batch: how many, which examples, and how many target tokens they have."""

from __future__ import annotations

import pytest
import torch

from pali3kit.training.context import Execution
from pali3kit.training.microbatches import count_microbatches, count_target_tokens, part


def test_microbatches_hold_as_many_tokens_as_are_allowed() -> None:
    assert count_microbatches(32, 100, Execution()) == 1
    assert count_microbatches(32, 100, Execution(max_tokens_per_microbatch=3200)) == 1
    assert count_microbatches(32, 100, Execution(max_tokens_per_microbatch=800)) == 4
    assert count_microbatches(32, 100, Execution(max_tokens_per_microbatch=899, devices=2)) == 2
    assert count_microbatches(32, 100, Execution(max_tokens_per_microbatch=50)) == 32


@pytest.mark.parametrize("ranks", [1, 2, 3, 6])
def test_parts_are_disjoint_and_none_is_empty(ranks: int) -> None:
    """A microbatch without examples would have no loss."""
    for tokens in range(1, 40):
        count = count_microbatches(30, tokens, Execution(max_tokens_per_microbatch=60, devices=ranks))
        parts = [part(part(range(30), rank, ranks), i, count) for rank in range(ranks) for i in range(count)]
        assert all(parts) and [number for each in parts for number in each] == list(range(30))
        assert max(map(len, parts)) * tokens <= 60


def test_the_target_tokens_of_a_step_are_those_of_its_microbatches() -> None:
    masks = [torch.tensor(rows) for rows in ([[True, True], [True, False]], [[True, False]])]
    batches = [{"target_mask": mask} for mask in masks]
    count_target_tokens(batches)
    assert [(int(batch["step_tokens"]), int(batch["parts"])) for batch in batches] == [(4, 2)] * 2
    assert all(batch["step_tokens"].dtype == batch["parts"].dtype == torch.int64 for batch in batches)
