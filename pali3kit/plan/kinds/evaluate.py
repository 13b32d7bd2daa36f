"""A benchmark whose answers PaLI generates."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import task_recipe
from pali3kit.config.root import task_of
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import languages_of
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import TextConfig, image_set_of, image_size_of, text_fields
from pali3kit.plan.step import Step
from pali3kit.types import Json


@dataclass(frozen=True, kw_only=True)
class Config(TextConfig):
    """The benchmark `column`, measured `after` a stage on up to `limit` examples of `test` images.

    `task` is the source's, where it is not the benchmark's own. `published`: whether the source is the benchmark's own
    data set (`data.benchmarks`), not another in its place.
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
        **text_fields(experiment, image_size_of(cell, tuned), benchmark),
        column=benchmark,
        after=after,
        limit=chosen.limit,
        beams=_beams(cell, benchmark, after),
        test=images.test,
        constrained=regions and chosen.constrained,
        task=experiment.data.columns.get(benchmark, "" if task == asked.task else task),
        published=bool(images.benchmark),
    )
    return cell.new("evaluate", config, model=model, **cell.inputs("test", regions, tuned, images.benchmark))


def _measured(cell: CellSteps, benchmark: str, after: str) -> tuple[Step, Step | None]:
    """The step of the measured model, and the step of stage 2 that tuned its encoder, if any."""
    if after == "transfer":
        return cell.step("transfer", benchmark=BENCHMARK.find(benchmark).transfer), cell.start_step()
    tuned = cell.tuned_step() if after == "resolution" else None
    return tuned or cell.step("multimodal"), tuned


def _beams(cell: CellSteps, benchmark: str, after: str) -> int:
    """The beams of the evaluation, unless the recipe of the transfer sets them for its task."""
    beams = task_recipe(cell.experiment.stages.transfer, BENCHMARK.find(benchmark).transfer).beams
    return beams if after == "transfer" and beams is not None else cell.experiment.evaluation.beams


def _units(step: Step) -> int:
    """Examples."""
    config = step.config
    assert isinstance(config, Config)
    return BENCHMARK.find(config.column).count(config.test, config.limit, len(languages_of(config.source)))


def _costs(step: Step) -> dict[str, Json]:
    """Answers with regions are the only ones that cost more."""
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
    summary="generate answers for one benchmark and score them",
    version=3,
    make=_make,
    units=_units,
    costs=_costs,
    seconds=0.008,
    detail=_detail,
)
