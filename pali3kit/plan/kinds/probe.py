"""The few-shot probe of the frozen encoder, on small classification tasks."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.config.encoder import probe_sets
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """`shots` images of each class, further numbers in `curve`; means over `repeats` random choices of them."""

    sets: tuple[str, ...]
    shots: int
    curve: tuple[int, ...]
    repeats: int


def _make(cell: CellSteps) -> Step:
    chosen, names = cell.experiment.evaluation, tuple(probe_sets(cell.experiment))
    splits = ("train", "test")
    embedded = {
        name: cell.step("embed", section="probes", name=name, splits=splits, crop=chosen.crop) for name in names
    }
    config = Config(sets=names, shots=chosen.shots, curve=tuple(chosen.curve), repeats=chosen.repeats)
    return cell.new("probe", config, **embedded)


def _units(step: Step) -> int:
    """Sets."""
    return len(step.parents)


KIND = StageKind(
    name="probe",
    summary="10-shot ridge probe of the encoder on 8 classification tasks",
    version=3,
    make=_make,
    units=_units,
    seconds=0.1,
    seeded=True,
    encoder_alone=True,
)
