"""Which benchmarks and stages a cell needs, and checks of its stages' numbers of examples, batches and devices."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.component import Component
from pali3kit.config.runtime import Runtime
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Recipe, Resolution, Training, Transfer
from pali3kit.registry import OPTIMIZER

MAX_DIVISOR_DISTANCE = 10_000

KeyProblem = tuple[str, str]
"""A dotted key and an error message."""


def known_benchmarks(cell: Experiment) -> list[str]:
    """The benchmarks that a cell measures, without unknown names, which `check` reports."""
    names = BENCHMARK.names()
    return [name for name in cell.evaluate if name in names]


def trained_for(cell: Experiment) -> dict[str, str]:
    """The benchmarks that are not measured, and whose transfers answer one that is; by their names, the first such."""
    measured = known_benchmarks(cell) if "transfer" in cell.evaluation.after else []
    answers = {each.answered_by: each.name for each in map(BENCHMARK.find, reversed(measured)) if each.answered_by}
    return {name: asked for name, asked in answers.items() if name not in measured and name in BENCHMARK.names()}


def generates_text(cell: Experiment) -> bool:
    """Whether any benchmark is measured on text that PaLI generates."""
    return any(BENCHMARK.find(name).generated for name in known_benchmarks(cell))


def has_stage_2(cell: Experiment) -> bool:
    """Whether stage 2 is run: it has steps, and something is measured after it or the transfer starts from it."""
    wanted = cell.stages.transfer.start == "resolution" or "resolution" in cell.evaluation.after
    return wanted and bool(cell.stages.resolution.steps)


def text_lengths(cell: Experiment, stage: str) -> tuple[int, int]:
    """The largest lengths of prompts and targets in a stage, in tokens: those of stage 1 where a later one has none."""
    stages, ours = cell.stages, cell.stages.multimodal
    later: dict[str, Resolution | Transfer] = {"resolution": stages.resolution, "transfer": stages.transfer}
    own = later.get(stage, ours)
    return own.prompt_length or ours.prompt_length, own.target_length or ours.target_length


def source_of_stage(cell: Experiment, stage: str) -> Component:
    """The source that a stage is trained on: its own, or `data.source`."""
    own: Component | None = getattr(getattr(cell.stages, stage), "source", None)
    return own or cell.data.source


def trains_stage_1(cell: Experiment) -> bool:
    """Whether stage 1 is trained: with `model.from` it may have no examples."""
    return cell.model.from_ is None or cell.stages.multimodal.examples > 0


def benchmarks_with_text_tower(cell: Experiment) -> list[str]:
    """The benchmarks that need a text tower."""
    return [name for name in known_benchmarks(cell) if BENCHMARK.find(name).reads_texts]


def check_budget(
    stage: str, section: Training, may_be_pretrained: bool = False, needed_by: str = ""
) -> Iterator[KeyProblem]:
    """Check that a stage has examples, and enough for one batch.

    Args:
        stage: its section of `stages`.
        section: that section.
        may_be_pretrained: whether 0 examples are allowed, because the component may have pretrained weights.
        needed_by: the benchmark that needs the stage, if the stage is run only for some benchmarks.
    """
    key = f"stages.{stage}.examples"
    if needed_by and section.examples < 1:
        yield key, f"benchmark '{needed_by}' needs the stage {stage}, which has no examples: set {key}."
    elif section.examples == 0 and not may_be_pretrained:
        yield key, f"{key} should be at least 1, not 0."
    if 0 < section.examples < section.batch_size:
        yield key, f"{key}: {section.examples} examples are less than one batch of {section.batch_size}"


def check_devices(
    cell: Experiment, stage: str, section: Training | Resolution, has_optimizer: bool = True
) -> Iterator[KeyProblem]:
    """Check that the ranks of a stage can train it together: they divide its batch, and `fsdp` its optimizer's state,
    but no model that is validated.

    `has_optimizer` is False for the recipe of one benchmark, which uses the optimizer of stages.transfer.
    """
    kind = stage.partition(".")[0]
    runtime = cell.runtime.of(kind)
    if (ranks := runtime.world_size) <= 1:
        return
    if section.batch_size % ranks:
        name, nearest = _nearest_ranks(runtime, section.batch_size)
        text = f"{ranks} ranks do not divide the batch of {section.batch_size} of stages.{stage}; nearest: {nearest}"
        yield cell.runtime.key(kind, name), f"{text}, by runtime.stages.{kind}.{name}"
    if runtime.strategy != "fsdp" or not has_optimizer:
        return
    if why := _why_not_sharded(section.optimizer.name):
        yield f"stages.{stage}.optimizer.name", f"{why}, but fsdp shards them: use adamw."
    if isinstance(section, Transfer) and section.num_validations:
        text = f"take runtime.stages.{kind}.strategy ddp, or num_validations 0."
        yield f"stages.{stage}.num_validations", f"validations generate with whole weights: {text}"


def _nearest_ranks(runtime: Runtime, batch_size: int) -> tuple[str, int]:
    """The key to change so that the ranks divide a batch, and its nearest value that does: devices if the nodes do."""
    if batch_size % runtime.nodes:
        return "nodes", nearest_divisor(batch_size, runtime.nodes)
    return "devices", nearest_divisor(batch_size // runtime.nodes, runtime.devices)


def _why_not_sharded(optimizer: str) -> str:
    """Why an optimizer may need whole matrices; "" if it does not, or is unknown, which `typed` reports."""
    elementwise = OPTIMIZER.describe(optimizer).elementwise if optimizer in OPTIMIZER.names() else True
    if elementwise is None:
        return f"{optimizer} does not declare elementwise=True and may work on whole matrices"
    return "" if elementwise else f"{optimizer} works on whole matrices"


def recipe_of(section: Transfer, benchmark: str) -> Recipe:
    """The settings that `benchmarks` has for the transfer of one of them."""
    found = section.benchmarks.get(benchmark, Recipe())
    return Recipe(examples=found) if isinstance(found, int) else found


def transfer_of(section: Transfer, benchmark: Benchmark) -> str:
    """The benchmark whose transfer a benchmark is measured on (`owner_of`)."""
    return owner_of({name: recipe_of(section, name).mixture for name in section.benchmarks}, benchmark.transfer)


def owner_of(mixtures: Mapping[str, Collection[str]], transfer: str) -> str:
    """The benchmark that others share the transfer of: the first whose mixture has it, else itself."""
    return next((name for name, mixture in mixtures.items() if transfer in mixture), transfer)


def nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` nearest to `wanted`: the larger of two equally near ones.

    1 if none is less than `MAX_DIVISOR_DISTANCE` away.
    """
    distances = range(min(max(wanted, 1), MAX_DIVISOR_DISTANCE))
    found = (d for away in distances for d in (wanted + away, wanted - away) if d > 0 and number % d == 0)
    return next(found, 1)
