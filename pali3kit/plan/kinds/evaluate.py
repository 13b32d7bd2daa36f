"""A benchmark whose answers PaLI generates."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import task_recipe
from pali3kit.config.root import task_of
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import languages_of
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import Texts, image_set_of, inputs, size_of, start_step, texts_of, tuned_step
from pali3kit.plan.step import Step
from pali3kit.types import Json


@dataclass(frozen=True, kw_only=True)
class Config(Texts):
    """The benchmark `column`, measured `after` a stage on up to `limit` examples over `test` images.

    `task` is the source's, where it is not the benchmark's own. `published`: the source holds the benchmark's own data
    set (`data.benchmarks`), and is no other one in its place.
    """

    column: str
    after: str
    limit: int
    beams: int
    test: int
    constrained: bool = False
    task: str = ""
    published: bool = False

    @property
    def label(self) -> str:
        """What the benchmark is called on this source."""
        return BENCHMARK.find(self.column).label("" if self.published else str(self.source["name"]), self.task)


def _make(cell: CellSteps, benchmark: str, after: str) -> Step:
    model, tuned = _measured(cell, benchmark, after)
    experiment, asked = cell.experiment, BENCHMARK.find(benchmark)
    chosen, regions, images = experiment.evaluation, asked.regions, image_set_of(experiment, benchmark)
    task = task_of(experiment, asked)
    config = Config(
        **texts_of(experiment, size_of(cell, tuned), benchmark),
        column=benchmark,
        after=after,
        limit=chosen.limit,
        beams=_beams(cell, benchmark, after),
        test=images.test,
        constrained=regions and chosen.constrained,
        task=experiment.data.columns.get(benchmark, "" if task == asked.task else task),
        published=bool(images.benchmark),
    )
    return cell.new("evaluate", config, model=model, **inputs(cell, "test", regions, tuned, images.benchmark))


def _measured(cell: CellSteps, benchmark: str, after: str) -> tuple[Step, Step | None]:
    """The model that is measured, and the step of stage 2 whose encoder it has."""
    if after == "transfer":
        return cell.step("transfer", benchmark=BENCHMARK.find(benchmark).transfer), start_step(cell)
    tuned = tuned_step(cell) if after == "resolution" else None
    return tuned or cell.step("multimodal"), tuned


def _beams(cell: CellSteps, benchmark: str, after: str) -> int:
    """The evaluation's, unless the transfer's recipe says how its task is measured."""
    said = task_recipe(cell.experiment.stages.transfer, BENCHMARK.find(benchmark).transfer).beams
    return said if after == "transfer" and said is not None else cell.experiment.evaluation.beams


def _units(step: Step) -> int:
    """Examples."""
    config = step.config
    assert isinstance(config, Config)
    return BENCHMARK.find(config.column).count(config.test, config.limit, len(languages_of(config.source)))


def _costs(step: Step) -> dict[str, Json]:
    """Answers are taken for as long, but those of regions."""
    regions = BENCHMARK.find(str(step.plain["column"])).regions
    return {"beams": step.plain["beams"], "regions": regions}


def _detail(step: Step) -> str:
    """`embedded/vqa`, `embedded/vqa@multimodal`, `embedded/vqa@448`."""
    config = step.config
    assert isinstance(config, Config)
    after: object = config.after
    if "vision" in step.parents and step.parents["vision"].kind == "resolution":
        after = step.plain["image_size"]
    return config.label + (f"@{after}" if after != "transfer" else "")


KIND = StageKind(
    name="evaluate",
    summary="generate for one column and score it",
    version=3,
    make=_make,
    units=_units,
    costs=_costs,
    seconds=0.008,
    detail=_detail,
)
