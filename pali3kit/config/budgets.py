"""What a cell measures, and checks of the budgets of its stages."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Recipe, Resolution, Training, Transfer
from pali3kit.registry import OPTIMIZER

MOST_TRIED = 10_000

Complaint = tuple[str, str]
"""A dotted key and an error message."""


def known_benchmarks(cell: Experiment) -> list[str]:
    """The benchmarks that a cell measures, without unknown names, which `check` reports."""
    names = BENCHMARK.names()
    return [name for name in cell.evaluate if name in names]


def generates(cell: Experiment) -> bool:
    """Whether any benchmark is measured on text that PaLI generates."""
    return any(BENCHMARK.find(name).generated for name in known_benchmarks(cell))


def has_stage_2(cell: Experiment) -> bool:
    """Whether stage 2 is run: scales define its steps, but something must be measured on it or start from it."""
    wanted = cell.stages.transfer.start == "resolution" or "resolution" in cell.evaluation.after
    return wanted and bool(cell.stages.resolution.steps)


def reads_texts(cell: Experiment) -> list[str]:
    """The benchmarks that need a text tower."""
    return [name for name in known_benchmarks(cell) if BENCHMARK.find(name).reads_texts]


def spendable(stage: str, section: Training, given: bool = False, needed_by: str = "") -> Iterator[Complaint]:
    """Check that a stage has examples, and a batch of them.

    Args:
        stage: its section of `stages`.
        section: that section.
        given: whether what it trains may be pretrained, so that no examples leave it as it is.
        needed_by: the benchmark that asks for it, of a stage that is left out otherwise.
    """
    key = f"stages.{stage}.examples"
    if needed_by and section.examples < 1:
        yield key, f"benchmark '{needed_by}' needs the stage {stage}, which has no examples: set {key}."
    elif section.examples == 0 and not given:
        yield key, f"{key} should be at least 1, not 0."
    if 0 < section.examples < section.batch_size:
        yield key, f"{key}: {section.examples} examples are less than one batch of {section.batch_size}"


def spreadable(
    cell: Experiment, stage: str, section: Training | Resolution, own_optimizer: bool = True
) -> Iterator[Complaint]:
    """Check that a stage can be trained by several ranks; a task's recipe has no `own_optimizer`."""
    ranks = cell.runtime.ranks
    if ranks <= 1:
        return
    if section.batch_size % ranks:
        text = f"{ranks} ranks do not divide the batch of {section.batch_size} of stages.{stage}; nearest: "
        yield "runtime.ranks", text + str(nearest_divisor(section.batch_size, ranks))
    if cell.runtime.strategy == "fsdp" and own_optimizer and (why := _whole(section.optimizer.name)):
        yield f"stages.{stage}.optimizer.name", f"{why}, fsdp shards them: take adamw."


def _whole(optimizer: str) -> str:
    """Why an optimizer may need whole matrices; "" if it does not, or is unknown, which `typed` reports."""
    elementwise = OPTIMIZER.describe(optimizer).elementwise if optimizer in OPTIMIZER.names() else True
    if elementwise is None:
        return f"{optimizer} does not declare elementwise=True and may work on whole matrices"
    return "" if elementwise else f"{optimizer} works on whole matrices"


def task_recipe(section: Transfer, benchmark: str) -> Recipe:
    """The settings that `tasks` has for the transfer of one benchmark."""
    said = section.tasks.get(benchmark, Recipe())
    return Recipe(examples=said) if isinstance(said, int) else said


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` nearest to `wanted`, the larger of two; 1 if none is found within `MOST_TRIED`."""
    distances = range(min(max(wanted, 1), MOST_TRIED))
    found = (d for away in distances for d in (wanted + away, wanted - away) if d > 0 and number % d == 0)
    return next(found, 1)
