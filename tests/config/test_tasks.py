"""The tasks that mixtures name."""

from __future__ import annotations

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.tasks import TASKS
from pali3kit.data.world.source import WorldSource

SOURCE = WorldSource()


@pytest.mark.parametrize("name", TASKS)
def test_the_world_has_each(name: str) -> None:
    assert SOURCE.task(name, bins=32) is not None


def test_what_a_benchmark_transfers_to_is_one() -> None:
    transfers = {
        each.task or each.public[0].task for each in BENCHMARK.all() if each.generated and not each.transfer_of
    }
    assert transfers <= set(TASKS)
