"""Random orders that are computed place by place."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.data.order import BlockOrder, Permutation


@given(st.integers(1, 300), st.integers(0, 1 << 62))
def test_each_number_has_one_place(size: int, key: int) -> None:
    order = Permutation(size, key)
    assert sorted(order[place] for place in range(size)) == list(range(size))


def test_an_order_is_random() -> None:
    """Neighbours are far apart, keys differ, and places are uniform (a chi-square of 9 degrees of freedom)."""
    orders = [np.array([Permutation(1000, key)[place] for place in range(1000)]) for key in range(20)]
    assert len({tuple(order) for order in orders}) == 20
    assert all(abs(np.corrcoef(order[:-1], order[1:])[0, 1]) < 0.15 for order in orders)
    firsts = np.array([Permutation(10, key)[0] for key in range(2000)])
    assert ((np.bincount(firsts, minlength=10) - 200) ** 2 / 200).sum() < 27.9  # p > 0.001


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(1, 13), st.integers(0, 1000))
def test_samples_come_once_and_by_windows(sizes: list[int], window: int, seed: int) -> None:
    counts = np.array(sizes)
    order = BlockOrder(counts, window, np.random.default_rng(seed))
    places = list(order)
    assert sorted(places) == list(range(counts.sum())) and len(order) == counts.sum()
    shard_of = np.repeat(np.arange(len(counts)), counts)
    for start in range(0, len(counts), window):
        shards = order.shards[start : start + window]
        many = int(counts[shards].sum())
        assert set(shard_of[places[:many]].tolist()) <= set(shards.tolist())
        del places[:many]


def test_an_order_is_a_sequence() -> None:
    order = BlockOrder(np.array([3, 4]), 2, np.random.default_rng(0))
    assert order[2:5] == list(order)[2:5]
    with pytest.raises(IndexError, match="place 7 of 7"):
        order[7]


BILLION = """
import numpy as np
from pali3kit.data.order import BlockOrder
order = BlockOrder(np.full(100_000, 10_000), 64, np.random.default_rng(0))
places = np.random.default_rng(1).integers(0, len(order), 300).tolist()
assert len(order) == 1_000_000_000 and len({order[place] for place in places}) == len(set(places))
again = BlockOrder(np.full(100_000, 10_000), 64, np.random.default_rng(0))
assert [again[place] for place in places] == [order[place] for place in places]
neighbours = {order[place] // 10_000 for place in range(500_000_000, 500_000_100)}
assert len(neighbours) <= 64
[peak] = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]  # ru_maxrss begins with the parent's
print(int(peak.split()[1]) / 1024)
"""


def test_a_billion_places_take_no_memory() -> None:
    found = subprocess.run([sys.executable, "-c", BILLION], capture_output=True, text=True, check=True, timeout=60)
    assert float(found.stdout) < 200  # MiB, of Python with NumPy
