"""What the stages on PaLI share: pictures, texts about them, and the parents that all have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.offers import general
from pali3kit.config.part import Part
from pali3kit.config.root import source_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import data_of, size_of_split
from pali3kit.plan.plain import StageConfig, named
from pali3kit.plan.step import Step
from pali3kit.types import Named


@dataclass(frozen=True)
class ImageSet:
    """What a stage on PaLI reads: a source and how many of its train and test images; `benchmark` has a source of its
    own, "" is `data.source`.
    """

    source: Part
    train: int
    test: int
    benchmark: str = ""


@dataclass(frozen=True, kw_only=True)
class Scenes(StageConfig):
    """Pictures of `image_size` pixels from a source, whose content has the digest `data`, where it knows one."""

    source: Named
    data: str = ""
    image_size: int


@dataclass(frozen=True, kw_only=True)
class Texts(Scenes):
    """What it takes to read and write texts about pictures.

    Lengths are tokens; boxes are written in `bins` steps. `count` train pictures are there, where no features of them
    are kept; no stage is trained on the last `validation` of them.
    """

    bins: int
    prompt_length: int
    target_length: int
    count: int = 0
    validation: int = 0


class _SceneFields(TypedDict):
    """The fields of `Scenes`."""

    source: Named
    data: str
    image_size: int


class _TextFields(_SceneFields):
    """The fields of `Texts`, but for `validation`, which is of training alone."""

    bins: int
    prompt_length: int
    target_length: int
    count: int


def scenes_of(source: Part, image_size: int) -> _SceneFields:
    return {"source": named(source), "data": data_of(source), "image_size": image_size}


def image_set_of(experiment: Experiment, benchmark: str = "") -> ImageSet:
    """What is read for a benchmark, by its name, or by stages before any: all images of a source of its own.

    Raises DataError where `data.validation` leaves nothing of it to train on.
    """
    data, own = experiment.data, source_of(experiment, BENCHMARK.find(benchmark)) if benchmark else None
    if own is None:
        return ImageSet(data.source, data.train, data.test)
    transfer = BENCHMARK.find(benchmark).transfer
    train, test = (size_of_split(own, split) for split in ("train", "test"))
    if data.validation >= train:
        raise DataError(f"data.validation: {data.validation} leaves none of the {train} train images of '{transfer}'")
    return ImageSet(own, train, test, transfer)


def texts_of(experiment: Experiment, image_size: int, benchmark: str = "") -> _TextFields:
    multimodal, images = experiment.stages.multimodal, image_set_of(experiment, benchmark)
    return {
        **scenes_of(images.source, image_size),
        "bins": experiment.tokenizer.bins,
        "prompt_length": multimodal.prompt_length,
        "target_length": multimodal.target_length,
        "count": 0 if experiment.data.cache else images.train,
    }


def size_of(cell: CellSteps, tuned: Step | None) -> int:
    """The size of the pictures that the pretrained encoder sees, or the one that stage 2 left."""
    return cell.experiment.model.image_size if tuned is None else int(str(tuned.plain["image_size"]))


def inputs(
    cell: CellSteps, split: str, regions: bool, tuned: Step | None = None, benchmark: str = ""
) -> dict[str, Step]:
    """The parents of every stage on a frozen encoder: the encoder or its features, and the tokenizers.

    Features are of the images that `image_set_of` says for the benchmark.
    """
    if cell.experiment.data.cache:
        seen = {"features": cell.step("features", split=split, tuned=tuned, benchmark=benchmark)}
    else:
        seen = {"vision": tuned or cell.step("vision")}
    return {**seen, **tokenizers(cell, regions)}


def tokenizers(cell: CellSteps, regions: bool) -> dict[str, Step]:
    """The tokenizer of texts, and that of masks where regions are written or read."""
    return {"tokenizer": cell.step("tokenizer"), **({"masks": cell.step("masks")} if regions else {})}


def tuned_step(cell: CellSteps) -> Step | None:
    """The step of stage 2 that is measured, and that transfers may start from; None before its first."""
    wanted = cell.experiment.stages.transfer.image_size
    steps = [cell.step("resolution", number=number) for number in range(len(cell.experiment.stages.resolution.steps))]
    fitting = [step for step in steps if wanted in (None, step.plain["image_size"])]
    return fitting[-1] if fitting else None


def start_step(cell: CellSteps) -> Step | None:
    """The step of stage 2 that transfers start from; None where they start from stage 1."""
    return tuned_step(cell) if cell.experiment.stages.transfer.start == "resolution" else None


def at_size(step: Step) -> str:
    """`@448` for a step whose encoder stage 2 tuned at 448 pixels, else ""."""
    vision = step.parents.get("vision")
    return f"@{step.plain['image_size']}" if vision is not None and vision.kind == "resolution" else ""


def has_regions(mixture: Mapping[str, float]) -> bool:
    """Whether a mixture has targets with mask tokens: tasks of benchmarks of regions; a union's is `part.refer`."""
    written = {benchmark.task for benchmark in BENCHMARK.all() if benchmark.regions}
    return any(weight > 0 for name, weight in mixture.items() if general(name).rpartition(".")[2] in written)
