"""Fields that the configurations of the stages on PaLI share: the images, and the texts about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import supervised_part, task_family, tasks_of
from pali3kit.config.budgets import text_lengths, transfer_of
from pali3kit.config.component import Component
from pali3kit.config.external_ocr import Ocr
from pali3kit.config.ocr import ocr_of, without_words
from pali3kit.config.root import measured_source, source_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import size_of_split, source_digest
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.step import Step
from pali3kit.types import Json, Named

_INSTANCE = "instance"  # the task of file sources with any object


@dataclass(frozen=True)
class _SourceSplits:
    """What a stage on PaLI reads: a source and how many of its train and test images, `of_data` train images of one
    that has no end. `benchmark` has a source of its own, "" is `data.source`.
    """

    source: Component
    test: int
    of_data: int
    benchmark: str = ""

    @property
    def train(self) -> int:
        """Of a source of its own all; they are counted when they are asked for, which measuring does not."""
        counted = size_of_split(self.source, "train") if self.benchmark else None
        return self.of_data if counted is None else counted


@dataclass(frozen=True, kw_only=True)
class SourceConfig(StageConfig):
    """Images of `image_size` pixels from a source; `data` is the digest of its content, "" if it has none."""

    source: Named
    data: str = ""
    image_size: int


@dataclass(frozen=True, kw_only=True)
class TextConfig(SourceConfig):
    """How texts about images are read and written.

    Lengths are in tokens; box coordinates are quantized to `bins` values. `count` is the number of train images, given
    if no features of them are stored; the last `validation` of them are held out of training. `ocr`: the words of an
    OCR system in prompts, which then may be longer by `ocr.length`.
    """

    bins: int
    prompt_length: int
    target_length: int
    count: int = 0
    validation: int = 0
    ocr: Ocr | None = None


class _SourceFields(TypedDict):
    """The fields of `SourceConfig`."""

    source: Named
    data: str
    image_size: int


class _MaskFields(_SourceFields):
    """The fields of `SourceConfig`, and the task whose examples have masks."""

    task: str


class _TextFields(_SourceFields):
    """The fields of `TextConfig`, except `validation`, which only training has."""

    bins: int
    prompt_length: int
    target_length: int
    count: int
    ocr: Ocr | None


def source_fields(source: Component, image_size: int) -> _SourceFields:
    return {"source": component_json(source), "data": source_digest(source), "image_size": image_size}


def mask_fields(experiment: Experiment) -> _MaskFields:
    """The masks that the mask tokenizer is trained and measured on.

    File sources provide any object, the embedded world those that it can refer to.
    """
    source = supervised_part(experiment.stages.mask_tokenizer.source or experiment.data.source, "masks")
    task = _INSTANCE if _INSTANCE in (tasks_of(source) or ()) else "refer"
    return {**source_fields(source, experiment.model.image_size), "task": task}


def image_set_of(experiment: Experiment, benchmark: str = "") -> _SourceSplits:
    """The images of a benchmark: all of a source of its own in files, else `data.train` and `data.test` of them, as of
    `data.source` for stages before any.

    Raises DataError where `data.validation` leaves nothing of it to train on.
    """
    data, own = experiment.data, source_of(experiment, BENCHMARK.find(benchmark)) if benchmark else None
    if own is None:
        return _SourceSplits(data.source, data.test, data.train)
    transfer, own = transfer_of(experiment.stages.transfer, BENCHMARK.find(benchmark)), without_words(own)
    counted = size_of_split(own, "test")
    images = _SourceSplits(own, data.test if counted is None else counted, data.train, transfer)
    if data.validation and data.validation >= images.train:
        text = f"leaves none of the {images.train} train images of '{transfer}'"
        raise DataError(f"data.validation: {data.validation} {text}")
    return images


def text_fields(experiment: Experiment, image_size: int, benchmark: str = "", stage: str = "multimodal") -> _TextFields:
    """The fields of `TextConfig`, with the lengths of texts of a stage."""
    images, (prompt, target) = image_set_of(experiment, benchmark), text_lengths(experiment, stage)
    ocr, source = ocr_of(experiment, BENCHMARK.find(benchmark)) if benchmark else None, images.source
    if ocr and ocr.words == "published":
        source = measured_source(experiment, BENCHMARK.find(benchmark))
    return {
        **source_fields(source, image_size),
        "bins": experiment.tokenizer.bins,
        "prompt_length": prompt + (ocr.length if ocr else 0),
        "target_length": target,
        "count": 0 if experiment.data.cache else images.train,
        "ocr": ocr,
    }


def words_read(cell: CellSteps, split: str, benchmark: str) -> dict[str, Step]:
    """The parent with the words that an OCR engine reads in the images of a benchmark; none where no engine does."""
    ocr = ocr_of(cell.experiment, BENCHMARK.find(benchmark))
    if ocr is None or ocr.words == "published":
        return {}
    return {"ocr": cell.step("ocr", split=split, benchmark=image_set_of(cell.experiment, benchmark).benchmark)}


def frames_cost(step: Step) -> dict[str, Json]:
    """What the cost of an example of videos depends on: the frames that its source reads of each."""
    source = step.plain["source"]
    assert isinstance(source, dict)
    return {"frames": source["frames"]} if "frames" in source else {}


def image_size_of(cell: CellSteps, tuned: Step | None) -> int:
    """The image size of the pretrained encoder, or of the one that a step of stage 2 tuned."""
    return cell.experiment.model.image_size if tuned is None else int(str(tuned.plain["image_size"]))


def size_suffix(step: Step) -> str:
    """`@448` for a step whose encoder was tuned at 448 pixels by stage 2, else ""."""
    vision = step.parents.get("vision")
    return f"@{step.plain['image_size']}" if vision is not None and vision.kind == "resolution" else ""


def has_regions(mixture: Mapping[str, float]) -> bool:
    """Whether a mixture has targets with mask tokens, as benchmarks of regions have. A union's task is `part.refer`."""
    tasks = {benchmark.task for benchmark in BENCHMARK.all() if benchmark.regions}
    return any(weight > 0 for name, weight in mixture.items() if task_family(name).rpartition(".")[2] in tasks)
