"""The models of the small finished run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.inference.cell import RunCell
from pali3kit.inference.pali import PaLI
from pali3kit.inference.run import RunCheckpoints


@pytest.fixture(scope="session")
def checkpoints(run_folder: Path) -> RunCheckpoints:
    return RunCheckpoints(RunCell.of(run_folder))


@pytest.fixture(scope="session")
def pali(checkpoints: RunCheckpoints) -> PaLI:
    return PaLI(checkpoints, "cpu")
