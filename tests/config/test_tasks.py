"""The tasks that mixtures name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.world.source import WorldSource
from pali3kit.registry import TASK

SOURCE = WorldSource()


@pytest.mark.parametrize("name", TASK.names())
def test_the_world_has_each(name: str) -> None:
    assert SOURCE.task(name, bins=32) is not None and TASK.describe(name).summary


def test_what_a_benchmark_transfers_to_is_one() -> None:
    transfers = {each.task for each in BENCHMARK.all() if each.generated and not each.transfer_of}
    assert transfers <= set(TASK.names())


def test_they_are_listed_without_torch() -> None:
    code = "import sys; from pali3kit.registry import TASK; assert TASK.names() and 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
