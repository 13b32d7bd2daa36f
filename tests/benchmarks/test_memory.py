"""The memory of the image encoder."""

from __future__ import annotations

from pali3kit.benchmarks.memory import MEMORY
from pali3kit.benchmarks.throughput import THROUGHPUT


def test_less_memory_is_better_and_less_throughput_is_not() -> None:
    assert MEMORY.lower_is_better and not THROUGHPUT.lower_is_better
    assert (MEMORY.unit, THROUGHPUT.unit) == ("MB", "images/s")
