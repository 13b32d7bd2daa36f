"""Per-task fine-tuning of the model of stage 1 or 2, its image encoder frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import Complaint, generates, recipe, spendable, spreadable, task_recipe, tasks, validated
from pali3kit.config.memory import affordable, language_size
from pali3kit.config.root import task_of
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Transfer
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import Texts, at_size, has_regions, image_set_of, inputs, size_of, start_step, texts_of
from pali3kit.plan.step import Step
from pali3kit.types import Json


@dataclass(frozen=True, kw_only=True)
class Config(Texts):
    """The source's `task`. `column` is the benchmark that scores checks or, `published`, whose data set is learnt."""

    task: str
    column: str = ""
    published: bool = False
    training: Transfer

    def unread(self) -> Collection[str]:
        return {"tasks", "start", "image_size"} | (set() if self.training.checks else {"validate"})


def _make(cell: CellSteps, benchmark: str) -> Step:
    """The transfer that a benchmark measures."""
    experiment, start = cell.experiment, start_step(cell)
    training, images = recipe(experiment.stages.transfer, benchmark), image_set_of(experiment, benchmark)
    task = task_of(experiment, BENCHMARK.find(benchmark))
    config = Config(
        **texts_of(experiment, size_of(cell, start), benchmark),
        validation=experiment.data.validation,
        task=task,
        column=benchmark if training.checks or images.benchmark else "",
        published=bool(images.benchmark),
        training=training,
    )
    return cell.new(
        "transfer",
        config,
        model=start or cell.step("multimodal"),
        **inputs(cell, "train", has_regions({task: 1.0}), start, images.benchmark),
    )


def _check(cell: Experiment) -> Iterator[Complaint]:
    section = cell.stages.transfer
    yield from spendable("transfer", section)
    yield from validated(cell)
    yield from tasks(cell)
    if not generates(cell):
        return
    yield from spreadable(cell, "transfer", section)
    for name in section.tasks:
        if task_recipe(section, name).batch_size is not None:
            yield from spreadable(cell, f"transfer.tasks.{name}", recipe(section, name), own_optimizer=False)
    yield from affordable(cell, "transfer", language_size(cell), section.optimizer)


def _costs(step: Step) -> dict[str, Json]:
    """Texts of all tasks are taken for as long, but those of regions."""
    regions = has_regions({str(step.plain["task"]): 1.0})
    pictures = step.plain["source"] if "count" in step.plain else None
    return {"training": step.plain["training"], "regions": regions, "source": pictures}


def _detail(step: Step) -> str:
    """The task, or the benchmark whose own data set is learnt; with checks, the benchmark that scores them."""
    config = step.config
    assert isinstance(config, Config)
    if not config.column:
        return f"{config.task}{at_size(step)}"
    source = "" if config.published else str(config.source["name"])
    return f"{BENCHMARK.find(config.column).label(source, config.task)}{at_size(step)}"


def _panel(step: Step) -> str:
    return str(step.plain["task"])


KIND = StageKind(
    name="transfer",
    summary="fine-tune on one task with the ViT frozen",
    version=2,
    make=_make,
    check=_check,
    costs=_costs,
    seconds=0.009,
    seeded=True,
    spread=True,
    passes=True,
    recomputes=True,
    stage="3",
    title="After transfer",
    detail=_detail,
    panel=_panel,
)
