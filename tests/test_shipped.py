"""What comes with the package (docs/shipped.md) is stage 0 of the embedded scale as it is planned now, whole, and trains
on this machine as it did on the one that made it.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pali3kit.catalogue import STAGE
from pali3kit.config.load import load
from pali3kit.execution.manifest import read_manifest
from pali3kit.execution.process_setup import seed_and_set_threads
from pali3kit.execution.ship import KINDS, SHIPPED
from pali3kit.execution.store import Store
from pali3kit.execution.verify import ARTIFACT, verify_store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.training.context import Execution, StageContext

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "experiments"
STAGE_0 = [step for step in build(load(EXPERIMENTS / "embedded_stage0.yaml")).steps if step.kind in KINDS]
REMAKE = "python -m pali3kit.run experiments/embedded_stage0.yaml, then python -m pali3kit.execution.ship (CONTRIBUTING.md)"
FOUND = sorted(folder.name for folder in SHIPPED.glob("*") if ARTIFACT.fullmatch(folder.name))
something_shipped = pytest.mark.skipif(not FOUND, reason=f"{SHIPPED} is empty: nothing ships yet ({REMAKE})")

OTHER_STAGE_0 = {"ablate_language": {"language"}}
"""Kinds of stage 0 of which an experiment also has another one than the shipped: here `prefix_lm`."""
EMBEDDED = [file for file in sorted(EXPERIMENTS.glob("*.yaml")) if load(file).scale == "embedded"]

FIRST_STEPS = 100
TOLERANCE = {"vision": 0.02, "language": 0.02, "mask_tokenizer": 0.05}


@pytest.mark.parametrize("file", EMBEDDED, ids=lambda file: file.stem)
def test_every_experiment_starts_from_the_same_stage_0(file: Path) -> None:
    """Whatever its seed is, so that one artifact serves all of them."""
    ours = {step.digest for step in STAGE_0}
    for seeds in ("[0]", "[11,12]"):
        experiment = load(file, [f"seeds={seeds}"])
        other = {step.kind for step in build(experiment).steps if step.kind in KINDS and step.digest not in ours}
        assert other == OTHER_STAGE_0.get(file.stem, set())


@something_shipped
def test_what_ships_is_what_is_planned() -> None:
    """A change that moves a digest would have every user train for an hour."""
    moved = [step.label for step in STAGE_0 if step.name not in FOUND]
    assert not moved, f"{', '.join(moved)} would be trained anew for an hour: keep the digest, or remake it: {REMAKE}"
    assert FOUND == sorted(step.name for step in STAGE_0), f"more is shipped than is used: {REMAKE}"


@something_shipped
def test_what_ships_is_whole_and_says_where_it_is_from() -> None:
    store = Store(SHIPPED, full=True)
    assert verify_store(store) == 0 and store.missing(STAGE_0) == []
    for step in STAGE_0:
        shipped = read_manifest(SHIPPED / step.name / "manifest.json")["shipped"]
        assert len(shipped["commit"]) == 40 and shipped["commands"], step.label


def test_wheels_contain_what_ships(tmp_path: Path) -> None:
    """Also if a file's name were ignored by git; and nothing of the repository around the package."""
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling builds wheels")
    example = SHIPPED / "vision-0123456789ab" / "weights.safetensors"
    own = {f"pali3kit/shipped/{file.relative_to(SHIPPED)}" for file in SHIPPED.rglob("*") if file.is_file()}
    included = {file.distribution_path for file in wheel.WheelBuilder(str(ROOT)).recurse_included_files()}
    assert own <= included and "pali3kit/data/world/assets/noto.xz" in included
    assert all(path.startswith("pali3kit/") for path in included) and example.name


class _EnoughSteps(Exception):
    pass


def first_rows(step: Step, folder: Path, parents: dict[str, Path]) -> list[dict[str, float]]:
    """The rows of the curve until 100 steps have been made, of a training that has its whole schedule ahead."""
    rows: list[dict[str, float]] = []

    def report(done: int, total: int, **numbers: float) -> None:
        rows.append({"step": done, **numbers})
        if done >= FIRST_STEPS:
            raise _EnoughSteps

    stage = import_module(STAGE.find(step.kind).target)
    seed_and_set_threads(1, step.seed)
    with pytest.raises(_EnoughSteps):
        stage.run(
            step.config, StageContext(folder, parents, step.seed, report, 1, Execution(checkpoint_seconds=3600))
        )
    return rows


def recorded_rows(step: Step) -> list[dict[str, float]]:
    with (SHIPPED / step.name / "curve.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
