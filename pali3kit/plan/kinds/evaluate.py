"""The stage that measures a benchmark on answers that PaLI generates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import label_on
from pali3kit.config.budgets import KeyProblem, known_benchmarks, recipe_of, transfer_of
from pali3kit.config.check_parity import check_parity
from pali3kit.config.component import Component
from pali3kit.config.missing_files import is_here
from pali3kit.config.parity import Parity, why_incomparable
from pali3kit.config.root import measured_source, own_source_key, task_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import DataError, RegistryError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import attributes_of_test, files_digest, languages_of
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import TextConfig, frames_cost, image_set_of, image_size_of, text_fields, words_read
from pali3kit.plan.step import Step
from pali3kit.text.wordnet import require_wordnet
from pali3kit.types import Json


@dataclass(frozen=True, kw_only=True)
class Config(TextConfig):
    """The `benchmark`, measured `after` a stage on up to `limit` examples of `test` images.

    `task` is the source's task if its name is not the benchmark's task. `published`: whether the source is the
    benchmark's own data set (`data.benchmarks`), not another in its place. `text_scorer_data` is the digest of the
    files of `text_scorers`.
    """

    benchmark: str
    after: str
    limit: int
    beams: int
    test: int
    constrained: bool = False
    task: str = ""
    published: bool = False
    text_scorers: Mapping[str, Component] = field(default_factory=dict)
    text_scorer_data: str = ""
    parity: Parity | None = None

    @property
    def label(self) -> str:
        """The benchmark's name in plans and reports, which depends on the source (`Benchmark.label`)."""
        return label_on(BENCHMARK.find(self.benchmark), str(self.source["name"]), self.task, self.published)


def evaluation_config(experiment: Experiment, benchmark: str, after: str, image_size: int, beams: int) -> Config:
    """How an experiment measures a benchmark."""
    definition, images, evaluation = (
        BENCHMARK.find(benchmark),
        image_set_of(experiment, benchmark),
        experiment.evaluation,
    )
    task = task_of(experiment, definition)
    return Config(
        **text_fields(experiment, image_size, benchmark, stage=after),
        benchmark=benchmark,
        after=after,
        limit=evaluation.limit,
        beams=beams,
        test=images.test,
        constrained=definition.regions and evaluation.constrained,
        task=experiment.data.tasks.get(benchmark, "" if task == definition.task else task),
        published=bool(images.benchmark),
        text_scorers=evaluation.text_scorers if definition.text_scorers else {},
        text_scorer_data=_text_scorer_data(evaluation.text_scorers) if definition.text_scorers else "",
        parity=evaluation.parity if definition.parity else None,
    )


def _text_scorer_data(scorers: Mapping[str, Component]) -> str:
    """The digests of the files that scorers of texts name, each once, in their order."""
    return " ".join(filter(None, (files_digest(part.options.get("path")) for part in scorers.values())))


def _make(cell: CellSteps, benchmark: str, after: str) -> Step:
    model, tuned = _measured_model(cell, benchmark, after)
    experiment, regions = cell.experiment, BENCHMARK.find(benchmark).regions
    config = evaluation_config(experiment, benchmark, after, image_size_of(cell, tuned), _beams(cell, benchmark, after))
    own_images = image_set_of(experiment, benchmark).benchmark
    parents = {**cell.inputs("test", regions, tuned, own_images), **words_read(cell, "test", benchmark)}
    return cell.new("evaluate", config, model=model, **parents)


def _measured_model(cell: CellSteps, benchmark: str, after: str) -> tuple[Step, Step | None]:
    """The step of the measured model, and the step of stage 2 that tuned its encoder, if any."""
    transfer = _transfer(cell, benchmark)
    if after == "transfer":
        return cell.step("transfer", benchmark=transfer), cell.start_step(transfer)
    tuned = cell.tuned_step(transfer) if after == "resolution" else None
    return tuned or cell.step("multimodal"), tuned


def _transfer(cell: CellSteps, benchmark: str) -> str:
    """The benchmark whose transfer made the model that answers a benchmark."""
    return transfer_of(cell.experiment.stages.transfer, BENCHMARK.find(BENCHMARK.find(benchmark).model_of))


def _beams(cell: CellSteps, benchmark: str, after: str) -> int:
    """The number of beams: that of the transfer's recipe if it sets one, else `evaluation.beams`."""
    beams = recipe_of(cell.experiment.stages.transfer, _transfer(cell, benchmark)).beams
    return beams if after == "transfer" and beams is not None else cell.experiment.evaluation.beams


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that WordNet is there where a metric needs it, and groups of parity, before hours of training."""
    for name in known_benchmarks(cell):
        if BENCHMARK.find(name).parity and not any(check_parity(cell)):
            yield from _check_groups(cell, BENCHMARK.find(name))
        if BENCHMARK.find(name).metric == "wups":
            try:
                require_wordnet()
            except DataError as error:
                yield "evaluate", f"benchmark '{name}': {error}"


def _check_groups(cell: Experiment, benchmark: Benchmark) -> Iterator[KeyProblem]:
    """Check that the test examples are of both groups of `evaluation.parity`, where their files are there."""
    source, task = measured_source(cell, benchmark), task_of(cell, benchmark)
    if not is_here(source):
        return
    try:
        count = image_set_of(cell, benchmark.name).test
        told = attributes_of_test(source, task, count, cell.evaluation.limit)
    except (DataError, RegistryError) as error:
        yield own_source_key(cell, benchmark), f"benchmark '{benchmark.name}': {error}"
        return
    if told is not None and (problem := why_incomparable(cell.evaluation.parity, told)):
        yield "evaluation.parity.between", f"benchmark '{benchmark.name}', {problem}"


def _units(step: Step) -> int:
    """The number of test examples."""
    config = step.config
    assert isinstance(config, Config)
    return BENCHMARK.find(config.benchmark).count(config.test, config.limit, len(languages_of(config.source)))


def _costs(step: Step) -> dict[str, Json]:
    """What an example costs depends on beams, frames, and whether answers have mask tokens, which makes them longer."""
    regions = BENCHMARK.find(str(step.plain["benchmark"])).regions
    return {"beams": step.plain["beams"], "regions": regions, **frames_cost(step)}


def _detail(step: Step) -> str:
    """The benchmark and, unless it is `transfer`, the stage after which it is measured, or stage 2's image size:

    `embedded/vqav2`, `embedded/vqav2@multimodal`, `embedded/vqav2@448`.
    """
    config = step.config
    assert isinstance(config, Config)
    after: object = config.after
    if "vision" in step.parents and step.parents["vision"].kind == "resolution":
        after = step.plain["image_size"]
    return config.label + (f"@{after}" if after != "transfer" else "")


KIND = StageKind(
    name="evaluate",
    summary="generate answers for one benchmark and score them",
    version=3,
    make=_make,
    check=_check,
    units=_units,
    costs=_costs,
    seconds=0.008,
    distributed=True,
    detail=_detail,
)
