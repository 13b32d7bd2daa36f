"""Nearest class mean on the frozen encoder's features (Mensink et al. 2013): the stage and what it measures."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.benchmarks.benchmark import ACCURACY, Benchmark, Column
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import labelled_features
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step


@dataclass(kw_only=True)
class Centroid:
    """Features are brought to unit length (`normalise`); class means are drawn to the mean of all by `shrinkage`."""

    normalise: bool = True
    shrinkage: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """What determines the result, beside the features."""

    options: Centroid


def make(cell: CellSteps) -> Step:
    crop = cell.experiment.evaluation.crop
    train, test = (labelled_features(cell, (split,), crop) for split in ("train", "test"))
    return cell.new("centroid", Config(options=cell.options("centroid", Centroid)), train=train, test=test)


KIND = StageKind(
    name="centroid",
    summary="classify by the nearest class mean",
    version=1,
    make=make,
    options=Centroid,
    module="pali3kit_plugin.run_centroid",
    encoder_alone=True,
)
BENCHMARK = Benchmark(
    name="centroid",
    summary="the nearest class mean of frozen features: top-1",
    columns=(Column(title="Nearest class mean"),),
    unit=ACCURACY,
    scored="features",
    kind="centroid",
    sets=("labelled",),
)
