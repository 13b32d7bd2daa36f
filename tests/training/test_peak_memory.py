"""Bytes of tensors that are alive at once, by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pali3kit.training.peak_memory import peak_bytes

FLOAT = 4
SIZE = 1000 * FLOAT


def chain(count: int) -> None:
    """One tensor after the other: two are alive while one is made of the other."""
    x = torch.ones(1000)
    for _ in range(count):
        x = x * 2


def kept(count: int) -> None:
    tensors = [torch.ones(1000) for _ in range(count)]
    del tensors


@pytest.mark.parametrize(("run", "peak"), [(chain, 2 * SIZE), (kept, 5 * SIZE)])
def test_what_is_freed_does_not_count(run, peak):
    with torch.no_grad():
        assert peak_bytes(lambda: run(5)) == peak


def test_views_count_once_and_known_tensors_not_at_all():
    x = torch.ones(10, 100)
    with torch.no_grad():
        assert peak_bytes(lambda: x.T.reshape(-1)[:500] * 1, [x]) == SIZE + 500 * FLOAT
        assert peak_bytes(lambda: x.view(-1)[:10], [x]) == 0
        assert peak_bytes(lambda: x.add_(1), [x]) == 0


def test_of_a_network():
    """64 rows of 8 numbers, 32 wide inside: the hidden layer and its ReLU, then that and the output."""
    network = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 8))
    x = torch.ones(64, 8)
    with torch.no_grad():
        assert peak_bytes(lambda: network(x), [x, *network.parameters()]) == 2 * 64 * 32 * FLOAT
