"""Fine-tuning of the model of stage 1 or 2 on one task, with its image encoder frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import Complaint, generates, recipe, spendable, spreadable, task_recipe, tasks, validated
from pali3kit.config.memory import affordable, language_size
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Transfer
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import TextConfig, has_regions, image_size_of, size_suffix, text_fields
from pali3kit.plan.step import Step
from pali3kit.types import Json


@dataclass(frozen=True, kw_only=True)
class Config(TextConfig):
    """The source's `task`. With validations (`checks`), `column` is the benchmark that scores them."""

    task: str
    column: str = ""
    training: Transfer

    def unread(self) -> Collection[str]:
        return {"tasks", "start", "image_size"} | (set() if self.training.checks else {"validate"})


def _make(cell: CellSteps, benchmark: str) -> Step:
    """The transfer that a benchmark measures."""
    experiment, start = cell.experiment, cell.start_step()
    training = recipe(experiment.stages.transfer, benchmark)
    task = experiment.data.columns.get(benchmark) or BENCHMARK.find(benchmark).asks
    config = Config(
        **text_fields(experiment, image_size_of(cell, start)),
        validation=experiment.data.validation,
        task=task,
        column=benchmark if training.checks else "",
        training=training,
    )
    return cell.new(
        "transfer",
        config,
        model=start or cell.step("multimodal"),
        **cell.inputs("train", has_regions({task: 1.0}), start),
    )


def _check(cell: Experiment) -> Iterator[Complaint]:
    section = cell.stages.transfer
    yield from spendable("transfer", section)
    yield from validated(cell)
    yield from tasks(cell)
    if not generates(cell):
        return
    yield from spreadable(cell, "transfer", section)
    for task in section.tasks:
        if task_recipe(section, task).batch_size is not None:
            yield from spreadable(cell, f"transfer.tasks.{task}", recipe(section, task), own_optimizer=False)
    yield from affordable(cell, "transfer", language_size(cell), section.optimizer)


def _costs(step: Step) -> dict[str, Json]:
    """Texts with regions are the only ones that cost more."""
    regions = has_regions({str(step.plain["task"]): 1.0})
    source = step.plain["source"] if "count" in step.plain else None
    return {"training": step.plain["training"], "regions": regions, "source": source}


def _detail(step: Step) -> str:
    return f"{step.plain.get('column') or step.plain['task']}{size_suffix(step)}"


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
