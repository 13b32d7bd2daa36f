"""The model card of a run's models, filled from its report, and the experiment that made them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from huggingface_hub import ModelCardData
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pali3kit import __version__
from pali3kit.catalogue import STAGE
from pali3kit.config.grid import resolve
from pali3kit.config.root import WORLD
from pali3kit.config.runtime import Runtime
from pali3kit.config.saved import to_yaml
from pali3kit.config.saved_pali import CARD_FILE, RECIPE_FILE
from pali3kit.config.schema import Experiment
from pali3kit.execution.store import Store
from pali3kit.inference.checkpoints import Architecture
from pali3kit.plan.cell import GridCell
from pali3kit.plan.graph import Graph, value_label
from pali3kit.plan.step import Step, ancestry
from pali3kit.registry import SOURCE
from pali3kit.report.collect import collect
from pali3kit.report.escaping import escape_markdown
from pali3kit.report.markdown import markdown_grid
from pali3kit.report.model import Report
from pali3kit.report.slice_text import slice_grids
from pali3kit.report.table import ABSENT, number
from pali3kit.types import Json

TASK_TAGS = ["pali3kit", "pali-3", "image-captioning", "visual-question-answering", "image-segmentation"]
UNCHOSEN_LICENSE = "other"
EMBEDDED = "the embedded world of pali3kit"


def run_documents(
    experiment: Experiment,
    graph: Graph,
    cell: GridCell,
    store: Store,
    models: Mapping[str, Step],
    architecture: Architecture,
) -> Mapping[str, str]:
    """The model card of the `models` of a cell, by checkpoint, and `recipe.yaml`, the experiment of this cell alone.

    Paths of data on this machine are in the latter alone.
    """
    report, steps = collect(graph, store, experiment), ancestry(models.values())
    sources = dict.fromkeys(name for step in steps for name in _data_of(step))
    results = list(_results(report, cell))
    parts = {"image encoder": architecture.vision, "projector": architecture.projector,
             "language model": architecture.language, "mask tokenizer": architecture.mask_tokenizer}  # fmt: skip
    card = _TEMPLATES.get_template("card.md.j2").render(
        metadata=_metadata(),
        name=experiment.name,
        version=__version__,
        models=list(models),
        components={part: value_label(component) for part, component in parts.items() if component},
        steps=[_trained(step) for step in steps if "training" in step.plain],
        seed=cell.seed,
        point=", ".join(f"{key} {value_label(value)}" for key, value in cell.point.items()),
        versions=", ".join(f"{name} {version}" for name, version in report.versions.items()),
        results=results,
        methods=list(dict.fromkeys(each.method for each in results)),
        notes=report.notes,
        slices=[(grid.title, markdown_grid(grid.header, grid.rows)) for grid in slice_grids(_sliced(report, cell))],
        sources=[f"{name}: {'see below' if name == EMBEDDED else 'the terms of its providers'}" for name in sources],
        embedded=EMBEDDED in sources,
        start="\n".join(filter(None, (_card_of(step, store) for step in steps))),
    )
    return {CARD_FILE: card, RECIPE_FILE: to_yaml(_of_cell(experiment, cell))}


def _of_cell(experiment: Experiment, cell: GridCell) -> Experiment:
    """The experiment of one cell, which may not have all benchmarks: some need an encoder that others have."""
    own, measured = resolve(experiment, cell.point), {column.partition("@")[0] for column in cell.columns}
    evaluate = [name for name in own.evaluate if name in measured]
    return replace(own, evaluate=evaluate, grid={}, arms=[], baseline={}, seeds=[cell.seed], runtime=Runtime())


def _card_of(step: Step, store: Store) -> str:
    """The card of the saved PaLI that a step starts from, its headings two levels down; "" for other steps."""
    file = store.path(step) / CARD_FILE
    if step.kind != "saved" or not file.is_file():
        return ""
    body = re.sub(r"\A---\n.*?\n---\n", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.sub("^(#+ )", r"##\1", body.strip(), flags=re.MULTILINE)


def _metadata() -> str:
    """The front matter that the hub reads."""
    return ModelCardData(
        library_name="pali3kit", pipeline_tag="image-text-to-text", license=UNCHOSEN_LICENSE, tags=TASK_TAGS
    ).to_yaml()


@dataclass(frozen=True)
class _Trained:
    """A row of the table of stages."""

    stage: str
    label: str
    data: str
    examples: int
    batch: int
    seed: int
    artifact: str


def _trained(step: Step) -> _Trained:
    training = step.plain["training"]
    assert isinstance(training, Mapping)
    examples, batch = int(str(training["examples"])), int(str(training["batch_size"]))
    data = ", ".join(_data_of(step)) or ABSENT
    return _Trained(STAGE.find(step.kind).stage, step.label, data, examples, batch, step.seed, step.name)


def _data_of(step: Step) -> list[str]:
    """The data that a step is trained on: its source, or that of the corpus."""
    owners = [step, *(parent for role, parent in step.parents.items() if role == "corpus")]
    sources = [each.plain["source"] for each in owners if "source" in each.plain]
    return [name for source in sources for name in _names(source)]


def _names(source: Json) -> list[str]:
    """What a source is called, those of a union apart: its component, and the last part of its first path."""
    if not isinstance(source, Mapping):
        return []
    if isinstance(parts := source.get("parts"), Mapping):
        return [name for part in parts.values() for name in _names(part)]
    if source["name"] == WORLD:
        return [EMBEDDED]
    name = str(source["name"])
    paths = [Path(str(source[option])).name for option in SOURCE.describe(name).path_options if source.get(option)]
    return [" ".join([name, *paths[:1]])]


@dataclass(frozen=True)
class _Result:
    """A row of the table of results, in the unit of its metric."""

    title: str
    after: str
    metric: str
    own: str
    mean: str
    interval: str
    n: int
    seeds: int
    method: str


def _results(report: Report, cell: GridCell) -> Iterator[_Result]:
    """The numbers of a cell, and the means of all seeds of its point."""
    for table in report.tables:
        [row] = [row for row in table.rows if row.point == cell.point]
        for column in table.columns:
            measured = row.cells[column.name]
            if (ours := measured.ours) is None:
                continue
            own, digits = measured.per_seed.get(cell.seed), column.benchmark.digits
            yield _Result(
                title=column.name,
                after=table.title.removeprefix("After "),
                metric=column.metric,
                own=ABSENT if own is None else number(own, digits=digits),
                mean=number(ours.mean, digits=digits),
                interval=f"{number(ours.low, digits=digits)} to {number(ours.high, digits=digits)}",
                n=ours.n,
                seeds=ours.seeds,
                method=ours.method,
            )


def _sliced(report: Report, cell: GridCell) -> Report:
    """The report with the slices of one cell alone."""
    labels = {row.label for table in report.tables for row in table.rows if row.point == cell.point}
    return replace(report, slices=tuple(each for each in report.slices if each.label in labels))


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=False, undefined=StrictUndefined, trim_blocks=True
)
_TEMPLATES.filters["md"] = escape_markdown
