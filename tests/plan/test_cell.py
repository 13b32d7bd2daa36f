from __future__ import annotations

from dataclasses import dataclass

import pytest

from pali3kit.plan.cell import CellSteps


@dataclass(kw_only=True)
class Neighbours:
    count: int = 20


def test_a_plug_in_reads_its_section_with_its_type(experiment):
    cell = CellSteps(experiment, 0)
    cell.experiment.stages.neighbours = Neighbours(count=3)
    assert cell.options("neighbours", Neighbours).count == 3
    with pytest.raises(AssertionError):
        cell.options("vision", Neighbours)
