"""Fine-tuning of the model of stage 1 or 2 on one task, with its image encoder frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import label_on
from pali3kit.config.budgets import KeyProblem, check_budget, check_devices, generates_text, recipe_of
from pali3kit.config.memory import check_memory
from pali3kit.config.root import task_of
from pali3kit.config.schema import Experiment
from pali3kit.config.shared import check_shared
from pali3kit.config.stages import Recipe, Transfer
from pali3kit.config.suggestions import new_name
from pali3kit.errors import choose
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import (
    TextConfig,
    frames_cost,
    has_regions,
    image_set_of,
    image_size_of,
    size_suffix,
    text_fields,
    words_read,
)
from pali3kit.plan.step import Step
from pali3kit.types import Json


@dataclass(frozen=True, kw_only=True)
class Config(TextConfig):
    """The source's `task`, or a `mixture` of several by weight, of benchmarks that share it. `benchmark` scores
    validations (`num_validations`), or its own data set is trained on (`published`); else it is "".
    """

    task: str
    mixture: Mapping[str, float] = field(default_factory=dict)
    benchmark: str = ""
    published: bool = False
    training: Transfer

    @property
    def weights(self) -> Mapping[str, float]:
        """The weights of the tasks that are learnt."""
        return self.mixture or {self.task: 1.0}

    def unread(self) -> Collection[str]:
        return {"benchmarks", "start", "image_size", "prompt_length", "target_length"} | (
            set() if self.training.num_validations else {"validation_examples"}
        )


def _make(cell: CellSteps, benchmark: str) -> Step:
    """The transfer that a benchmark measures."""
    experiment, start = cell.experiment, cell.start_step(benchmark)
    training, images = _recipe(experiment.stages.transfer, benchmark), image_set_of(experiment, benchmark)
    config = Config(
        **text_fields(experiment, image_size_of(cell, start), benchmark, stage="transfer"),
        validation=experiment.data.validation,
        task=task_of(experiment, BENCHMARK.find(benchmark)),
        mixture=_mixture(experiment, benchmark),
        benchmark=benchmark if training.num_validations or images.benchmark else "",
        published=bool(images.benchmark),
        training=training,
    )
    return cell.new(
        "transfer",
        config,
        model=start or cell.step("multimodal"),
        **cell.inputs("train", has_regions(config.weights), start, images.benchmark),
        **words_read(cell, "train", benchmark),
    )


def _mixture(experiment: Experiment, benchmark: str) -> dict[str, float]:
    """The weights of the tasks of all benchmarks that share a transfer; none where it is of one alone."""
    weights: dict[str, float] = {}
    for name, weight in recipe_of(experiment.stages.transfer, benchmark).mixture.items():
        task = task_of(experiment, BENCHMARK.find(name))
        weights[task] = weights.get(task, 0.0) + weight
    return weights


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    section = cell.stages.transfer
    yield from check_budget("transfer", section)
    yield from _validated(cell)
    yield from _tasks(cell)
    yield from check_shared(cell)
    if not generates_text(cell):
        return
    yield from check_devices(cell, "transfer", section)
    for name in section.benchmarks:
        if recipe_of(section, name).batch_size is not None:
            yield from check_devices(cell, f"transfer.benchmarks.{name}", _recipe(section, name), has_optimizer=False)
    yield from check_memory(cell, "transfer", section.optimizer, "language")


def _tasks(cell: Experiment) -> Iterator[KeyProblem]:
    """Check the benchmarks that `stages.transfer.benchmarks` names, and the budgets of their transfers."""
    own = {each.name: each for each in BENCHMARK.all() if each.generated}
    transferred = [name for name, each in own.items() if each.model_of == name]
    for name, recipe in cell.stages.transfer.benchmarks.items():
        ours, key = _recipe(cell.stages.transfer, name), f"stages.transfer.benchmarks.{name}"
        if name not in transferred:
            shared = own[name].model_of if name in own else ""
            if shared:
                problem = f"'{name}' shares the transfer of '{shared}': set that one instead."
            else:
                problem = f"unknown benchmark '{name}'.{new_name('benchmark', name) or choose(name, transferred)}"
            yield key, f"stages.transfer.benchmarks: {problem}"
        elif ours.examples < 1:
            yield key, f"the examples of {name} should be at least 1, not {ours.examples}."
        elif isinstance(recipe, Recipe) and ours.examples < ours.batch_size:
            yield key, f"{key}: {ours.examples} examples are less than one batch of {ours.batch_size}"


def _validated(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that there are images to validate on, and others to train on."""
    held, checks = cell.data.validation, cell.stages.transfer.num_validations
    if held >= cell.data.train > 0:
        yield "data.validation", f"data.validation {held} leaves none of {cell.data.train} train images to train on"
    if checks and not held:
        text = "validations use images that are not trained on: say how many, data.validation."
        yield "stages.transfer.num_validations", text


def _recipe(section: Transfer, benchmark: str) -> Transfer:
    """The transfer of one benchmark: its own settings over those of all."""
    recipe = recipe_of(section, benchmark)
    own = {key: value for key, value in asdict(recipe).items() if value is not None and key not in ("beams", "mixture")}
    rates = {key: own.pop(key) for key in ("learning_rate", "weight_decay") if key in own}
    return replace(section, optimizer=replace(section.optimizer, **rates), **own)


def _costs(step: Step) -> dict[str, Json]:
    """Texts with regions are the only ones that cost more, and so do videos with more frames."""
    config = step.config
    assert isinstance(config, Config)
    regions = has_regions(config.weights)
    source = step.plain["source"] if "count" in step.plain else None
    return {"training": step.plain["training"], "regions": regions, "source": source, **frames_cost(step)}


def _detail(step: Step) -> str:
    """The tasks, or the benchmark whose own data set is learnt; with validations, the benchmark that scores them."""
    config = step.config
    assert isinstance(config, Config)
    if config.mixture or not config.benchmark:
        return f"{'+'.join(config.weights)}{size_suffix(step)}"
    label = label_on(BENCHMARK.find(config.benchmark), str(config.source["name"]), config.task, config.published)
    return f"{label}{size_suffix(step)}"


def _panel(step: Step) -> str:
    config = step.config
    assert isinstance(config, Config)
    return "+".join(config.weights)


KIND = StageKind(
    name="transfer",
    summary="fine-tune on one task with the ViT frozen",
    version=3,
    make=_make,
    check=_check,
    costs=_costs,
    seconds=0.009,
    seeded=True,
    distributed=True,
    microbatched=True,
    gradient_checkpointing=True,
    stage="3",
    title="After transfer",
    detail=_detail,
    panel=_panel,
)
