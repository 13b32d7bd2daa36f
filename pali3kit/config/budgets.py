"""Whether the budgets of the stages of one cell can be spent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from math import inf, pow
from pathlib import Path

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Multimodal, Recipe, Resolution, Training, Transfer
from pali3kit.config.vocabulary import SENTINELS, Vocabulary
from pali3kit.errors import DataError, choose
from pali3kit.registry import OPTIMIZER

BOX_TOKENS, MASK_TOKENS = 4, 16  # a region is written as four coordinates and the codes of its mask (paper.md §4.1)
MEAN_SPAN, DENSITY = 3, 0.5  # of UL2's densest denoiser (paper.md §2.1)
MOST_TRIED = 10_000

Complaint = tuple[str, str]
"""A dotted key and what is wrong with it."""


def known_benchmarks(cell: Experiment) -> list[str]:
    """What a cell measures, less what nobody knows: that is told elsewhere."""
    names = BENCHMARK.names()
    return [name for name in cell.evaluate if name in names]


def generates(cell: Experiment) -> bool:
    """Whether any benchmark needs PaLI's answers."""
    return any(BENCHMARK.find(name).generated for name in known_benchmarks(cell))


def has_stage_2(cell: Experiment) -> bool:
    """Whether anything is measured on stage 2, or starts from it: scales have steps for those who want them."""
    wanted = cell.stages.transfer.start == "resolution" or "resolution" in cell.evaluation.after
    return wanted and bool(cell.stages.resolution.steps)


def reads_texts(cell: Experiment) -> list[str]:
    """The benchmarks that need a text tower."""
    return [name for name in known_benchmarks(cell) if BENCHMARK.find(name).reads_texts]


def needs_lit(cell: Experiment) -> bool:
    """Whether a text tower is tuned for the frozen encoder: texts are read, and by no tower that there is."""
    return bool(reads_texts(cell)) and cell.model.towers is None and cell.evaluation.texts == "lit"


def benchmark_that_trains(cell: Experiment, stage: str) -> str:
    """The first benchmark that trains `stage` for itself, "" if none does."""
    return next((name for name in known_benchmarks(cell) if BENCHMARK.find(name).trains == stage), "")


def spendable(stage: str, section: Training, given: bool = False) -> Iterator[Complaint]:
    """Check that a stage has examples, and a batch of them; `given` may be somebody's pretrained, as it is."""
    key = f"stages.{stage}.examples"
    if section.examples == 0 and not given:
        yield key, f"{key} should be at least 1, not 0."
    if 0 < section.examples < section.batch_size:
        yield key, f"{key}: {section.examples} examples are less than one batch of {section.batch_size}"


def required_budget(stage: str, section: Training, column: str) -> Iterator[Complaint]:
    """Check the budget of a stage that a benchmark needs, and that is left out otherwise."""
    key = f"stages.{stage}.examples"
    if section.examples < 1:
        yield key, f"the column '{column}' needs the stage {stage}, which has no examples: set {key}."
    else:
        yield from spendable(stage, section)


def spreadable(
    cell: Experiment, stage: str, section: Training | Resolution, own_optimizer: bool = True
) -> Iterator[Complaint]:
    """Check that a stage can be shared among the ranks; a recipe has not its `own_optimizer`."""
    ranks = cell.runtime.ranks
    if ranks <= 1:
        return
    if section.batch_size % ranks:
        text = f"{ranks} ranks do not divide the batch of {section.batch_size} of stages.{stage}; nearest: "
        yield "runtime.ranks", text + str(nearest_divisor(section.batch_size, ranks))
    if cell.runtime.strategy == "fsdp" and own_optimizer and (why := _whole(section.optimizer.name)):
        yield f"stages.{stage}.optimizer.name", f"{why}, fsdp shards them: take adamw."


def _whole(optimizer: str) -> str:
    """Why an optimizer may need whole matrices; "" for one that does not, or that is unknown, as is told elsewhere."""
    elementwise = OPTIMIZER.describe(optimizer).elementwise if optimizer in OPTIMIZER.names() else True
    if elementwise is None:
        return f"{optimizer} does not declare elementwise=True and may work on whole matrices"
    return "" if elementwise else f"{optimizer} works on whole matrices"


def windows(cell: Experiment) -> Iterator[Complaint]:
    """Check that the denoiser with the most spans finds a sentinel for each: more would not be its law."""
    most = int(MEAN_SPAN * (SENTINELS + 0.5) / DENSITY)
    if cell.stages.language.length > most:
        text = f"windows of {cell.stages.language.length} tokens have more spans than the {SENTINELS} sentinels"
        yield "stages.language.length", f"{text}: at most {most}"


def lengths(cell: Experiment) -> Iterator[Complaint]:
    """Check that a region's answer fits into a target."""
    least, length = BOX_TOKENS + MASK_TOKENS + 1, cell.stages.multimodal.target_length
    file = cell.tokenizer.file
    if file is not None and os.path.isfile(file):
        with suppress(DataError):  # told elsewhere
            largest = " ".join([str(cell.tokenizer.bins - 1)] * BOX_TOKENS)
            least += len(Vocabulary(Path(file)).pieces.encode(largest)) - BOX_TOKENS
    asked = [name for name in known_benchmarks(cell) if BENCHMARK.find(name).regions]
    if asked and 0 < length < least:
        text = (
            f"target_length {length} cannot hold what {asked[0]} asks for: {BOX_TOKENS} coordinates,"
            f" {MASK_TOKENS} mask tokens and the end need {least}"
        )
        yield "stages.multimodal.target_length", text


def mixed(cell: Experiment) -> Iterator[Complaint]:
    """Check the weights of stage 1's mixture."""
    mixture = cell.stages.multimodal.mixture
    for task, weight in mixture.items():
        if weight < 0:
            yield f"stages.multimodal.mixture.{task}", f"the weight of {task} should be at least 0, not {weight}."
    if not any(weight > 0 for weight in mixture.values()):
        yield "stages.multimodal.mixture", "stages.multimodal.mixture has no task with a weight above 0."
    for stage in ("multimodal", "resolution"):
        section: Multimodal | Resolution = getattr(cell.stages, stage)
        weights = [weight for weight in section.mixture.values() if weight > 0]
        if weights and section.temperature > 0 and not _tempers(weights, section.temperature):
            text = f"weights to the power of 1 / {section.temperature:g} are no numbers to draw by."
            yield f"stages.{stage}.temperature", f"stages.{stage}.temperature: {text}"


def _tempers(weights: list[float], temperature: float) -> bool:
    try:
        return 0 < sum(pow(weight, 1 / temperature) for weight in weights) < inf
    except OverflowError:
        return False


def tasks(cell: Experiment) -> Iterator[Complaint]:
    """Check the benchmarks that `stages.transfer.tasks` names, and the budgets of their transfers."""
    own = {each.name: each for each in BENCHMARK.all() if each.generated}
    transferred = [name for name, each in own.items() if not each.transfer_of]
    for name, said in cell.stages.transfer.tasks.items():
        ours, key = recipe(cell.stages.transfer, name), f"stages.transfer.tasks.{name}"
        if name not in transferred:
            shared = own[name].transfer if name in own else ""
            told = f"'{name}' shares the transfer of '{shared}': say it there." if shared else ""
            told = told or f"unknown benchmark '{name}'.{choose(name, transferred)}"
            yield key, f"stages.transfer.tasks: {told}"
        elif ours.examples < 1:
            yield key, f"the examples of {name} should be at least 1, not {ours.examples}."
        elif isinstance(said, Recipe) and ours.examples < ours.batch_size:
            yield key, f"{key}: {ours.examples} examples are less than one batch of {ours.batch_size}"


def validated(cell: Experiment) -> Iterator[Complaint]:
    """Check that there are pictures to validate on, and others to train on."""
    held, checks = cell.data.validation, cell.stages.transfer.checks
    if held >= cell.data.train > 0:
        yield "data.validation", f"data.validation {held} leaves none of {cell.data.train} train pictures to train on"
    if checks and not held:
        text = "checks measure on pictures that are not trained on: say how many, data.validation."
        yield "stages.transfer.checks", text
    if checks and cell.runtime.ranks > 1 and cell.runtime.strategy == "fsdp":
        yield "stages.transfer.checks", "checks generate with whole weights: take runtime.strategy ddp, or no checks."


def recipe(section: Transfer, benchmark: str) -> Transfer:
    """The transfer of one benchmark: its own settings over those of all."""
    said = task_recipe(section, benchmark)
    own = {key: value for key, value in asdict(said).items() if value is not None and key != "beams"}
    rates = {key: own.pop(key) for key in ("learning_rate", "weight_decay") if key in own}
    return replace(section, optimizer=replace(section.optimizer, **rates), **own)


def task_recipe(section: Transfer, benchmark: str) -> Recipe:
    """The settings that `tasks` has for the transfer of one benchmark."""
    said = section.tasks.get(benchmark, Recipe())
    return Recipe(examples=said) if isinstance(said, int) else said


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` that is nearest to `wanted`, the larger of two; 1 always is one.

    Where `number` is so large that it takes long to find, 1 is said: there is no such patch, head or rank.
    """
    distances = range(min(max(wanted, 1), MOST_TRIED))
    found = (d for away in distances for d in (wanted + away, wanted - away) if d > 0 and number % d == 0)
    return next(found, 1)
