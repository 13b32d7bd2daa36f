"""Whether the budgets of the stages of one cell can be spent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, fields, replace
from pathlib import Path

from pali3kit.config.schema import Experiment, Optimizer, Recipe, Resolution, Training, Transfer
from pali3kit.config.supply import PRETRAINED_COLUMNS, TEXT_COLUMNS
from pali3kit.config.vocabulary import SENTINELS, Vocabulary
from pali3kit.errors import DataError

REGION_COLUMNS = ("refer", "refer_plus", "refer_g")
BOX_TOKENS, MASK_TOKENS = 4, 16  # a region is written as four coordinates and the codes of its mask (paper.md §4.1)
GIVEN = ("language", "masks")  # may be somebody's pretrained ones, as they are
MEAN_SPAN, DENSITY = 3, 0.5  # of UL2's densest denoiser (paper.md §2.1)

Complaint = tuple[str, str]
"""A dotted key and what is wrong with it."""


def has_stage_2(cell: Experiment) -> bool:
    """Whether anything is measured on stage 2, or starts from it: scales have steps for those who want them."""
    wanted = cell.stages.transfer.start == "resolution" or "resolution" in cell.evaluation.after
    return wanted and bool(cell.stages.resolution.steps)


def needs_lit(cell: Experiment) -> bool:
    """Whether a text tower is tuned for the frozen encoder: texts are read, and by no tower that there is."""
    reads = any(column in TEXT_COLUMNS for column in cell.evaluate)
    return reads and cell.model.towers is None and cell.evaluation.texts == "lit"


def ranks(cell: Experiment) -> Iterator[Complaint]:
    """Check what is spread over ranks: the encoder's pretraining, its tuning, and all stages on PaLI."""
    ranks, sections = cell.runtime.ranks, cell.stages
    spread: dict[str, Training | Resolution] = {"vision": sections.vision}
    generates = any(column not in PRETRAINED_COLUMNS for column in cell.evaluate)
    if generates:
        spread |= {"multimodal": sections.multimodal, "transfer": sections.transfer}
    if generates and has_stage_2(cell):
        spread["resolution"] = sections.resolution
    if needs_lit(cell):
        spread["lit"] = sections.lit
    if "finetune" in cell.evaluate:
        spread["finetune"] = sections.finetune
    for task in sections.transfer.tasks if generates else ():
        if said_of(sections.transfer, task).batch_size is not None:
            spread[f"transfer.tasks.{task}"] = recipe(sections.transfer, task)
    for stage, section in spread.items() if ranks > 1 else ():
        if section.batch_size % ranks:
            text = f"{ranks} ranks do not divide the batch of {section.batch_size} of stages.{stage}; nearest: "
            yield "runtime.ranks", text + str(nearest_divisor(section.batch_size, ranks))
        name = section.optimizer.name
        if cell.runtime.strategy == "fsdp" and name != "adamw" and ".tasks." not in stage:
            yield f"stages.{stage}.optimizer.name", f"{name} works on whole matrices, fsdp shards them: take adamw."


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
    if file is not None and Path(file).is_file():
        with suppress(DataError):  # told elsewhere
            largest = " ".join([str(cell.tokenizer.bins - 1)] * BOX_TOKENS)
            least += len(Vocabulary(Path(file)).pieces.encode(largest)) - BOX_TOKENS
    asked = [column for column in cell.evaluate if column in REGION_COLUMNS]
    if asked and 0 < length < least:
        text = (
            f"target_length {length} cannot hold what {asked[0]} asks for: {BOX_TOKENS} coordinates,"
            f" {MASK_TOKENS} mask tokens and the end need {least}"
        )
        yield "stages.multimodal.target_length", text


def budgets(cell: Experiment) -> Iterator[Complaint]:
    for stage, training in stages(cell):
        key = f"stages.{stage}.examples"
        if training.examples == 0 and stage not in GIVEN:
            yield key, f"{key} should be at least 1, not 0."
        if 0 < training.examples < training.batch_size:
            yield key, f"{key}: {training.examples} examples are less than one batch of {training.batch_size}"
    mixture = cell.stages.multimodal.mixture
    for task, weight in mixture.items():
        if weight < 0:
            yield f"stages.multimodal.mixture.{task}", f"the weight of {task} should be at least 0, not {weight}."
    if not any(weight > 0 for weight in mixture.values()):
        yield "stages.multimodal.mixture", "stages.multimodal.mixture has no task with a weight above 0."
    yield from _validated(cell)
    for task, said in cell.stages.transfer.tasks.items():
        own, key = recipe(cell.stages.transfer, task), f"stages.transfer.tasks.{task}"
        if own.examples < 1:
            yield key, f"the examples of {task} should be at least 1, not {own.examples}."
        elif isinstance(said, Recipe) and own.examples < own.batch_size:
            yield key, f"{key}: {own.examples} examples are less than one batch of {own.batch_size}"


def _validated(cell: Experiment) -> Iterator[Complaint]:
    """Check that there are pictures to validate on, and others to train on."""
    held, checks = cell.data.validation, cell.stages.transfer.checks
    if held >= cell.data.train > 0:
        yield "data.validation", f"data.validation {held} leaves none of {cell.data.train} train pictures to train on"
    if checks and not held:
        text = "checks measure on pictures that are not trained on: say how many, data.validation."
        yield "stages.transfer.checks", text
    if checks and cell.runtime.ranks > 1 and cell.runtime.strategy == "fsdp":
        yield "stages.transfer.checks", "checks generate with whole weights: take runtime.strategy ddp, or no checks."


def recipe(section: Transfer, task: str) -> Transfer:
    """The transfer of one task: what `tasks` says of it over what holds for all."""
    said = said_of(section, task)
    own = {key: value for key, value in asdict(said).items() if value is not None and key != "beams"}
    rates = {key: own.pop(key) for key in ("learning_rate", "weight_decay") if key in own}
    return replace(section, optimizer=replace(section.optimizer, **rates), **own)


def said_of(section: Transfer, task: str) -> Recipe:
    """What `tasks` says of one task alone."""
    said = section.tasks.get(task, Recipe())
    return Recipe(examples=said) if isinstance(said, int) else said


def stages(cell: Experiment) -> list[tuple[str, Training]]:
    """Return the trained stages by name."""
    return [(name, getattr(cell.stages, name)) for name in ("vision", "language", "masks", "multimodal", "transfer")]


def optimizers(cell: Experiment) -> list[tuple[str, Optimizer]]:
    """Return the optimizer of every stage that has one."""
    sections = ((field.name, getattr(cell.stages, field.name)) for field in fields(cell.stages))
    return [(name, section.optimizer) for name, section in sections if hasattr(section, "optimizer")]


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` that is nearest to `wanted`, the larger of two; 1 always is one."""
    distances = range(max(wanted, 1))
    return next(d for away in distances for d in (wanted + away, wanted - away) if d > 0 and number % d == 0)
