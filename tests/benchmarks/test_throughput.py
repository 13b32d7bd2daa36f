"""What the image encoder costs: its throughput and its memory."""

from __future__ import annotations

import pytest

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.benchmarks.memory import MEMORY
from pali3kit.benchmarks.throughput import THROUGHPUT
from pali3kit.catalogue import BENCHMARK
from pali3kit.report.columns import columns_of


def test_they_are_all_costs() -> None:
    assert [each for each in BENCHMARK.all() if each.scored == "cost"] == [MEMORY, THROUGHPUT]


@pytest.mark.parametrize("benchmark", [MEMORY, THROUGHPUT], ids=lambda each: each.name)
def test_a_cost_is_of_no_data(benchmark: Benchmark) -> None:
    [column] = columns_of(benchmark.name)
    assert column.name == benchmark.name and "embedded" not in column.title
    assert not benchmark.uses_encoder, "random weights are no control of a cost"
    assert benchmark.label("world") == benchmark.label("") == benchmark.name
