"""`StageKind`: all that planning, execution and reports know of a kind of stage. It does not import torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.kinds import hints, readable
from pali3kit.config.schema import Experiment
from pali3kit.errors import RegistryError
from pali3kit.plan.step import Step
from pali3kit.types import Json, TypeForm

_READABLE = (
    "Choose from int, float, str, bool, Literal, list, tuple[..., ...], dict[str, ...] and dataclasses of these."
)


def _examples(step: Step) -> int:
    """The training examples of a step; 1 if it does not train."""
    training = getattr(step.config, "training", None)
    return max(1, training.examples) if training is not None else 1


def _nothing(step: Step) -> str:
    """No detail."""
    return ""


def _accept(cell: Experiment) -> Iterator[KeyProblem]:
    """No problems."""
    yield from ()


def _types(name: str, options: type) -> dict[str, TypeForm]:
    """The types of a stage's options. Raises RegistryError if a name in them is undefined at run time."""
    try:
        return hints(options)
    except (NameError, AttributeError) as error:
        raise RegistryError(
            f"stage '{name}': the types of its options cannot be read, {error}: import what they name outside of"
            " TYPE_CHECKING."
        ) from error


@dataclass(frozen=True, kw_only=True)
class StageKind:
    """One kind of stage.

    Args:
        name: also that of its section of `stages`, where it has one.
        summary: one line for people.
        version: raised when its code changes results: older artifacts are then made anew.
        make: creates a step from a `CellSteps` and arguments that distinguish several steps of this kind. For a
            benchmark with generated answers it is called as `make(cell, benchmark=name, after=stage)`, once for each
            stage of `evaluation.after`; for any other benchmark as `make(cell)`.
        check: yields the problems of a cell that concern this kind, as dotted keys and texts.
        options: the dataclass of its section of `stages`, for plug-ins. All fields have defaults, as experiments may
            leave the section out, and types that YAML can express (`config.kinds.readable`).
        module: the module of `run(config, context)` and `calibrate(config, sizes)`.
        units: counts the work of a step in the unit of its progress (examples, images, windows, sets); at least 1.
        costs: the values on which the calibrated cost of one unit depends; None means the whole configuration.
        seconds: a first guess for one of its `units` on a slow core, with models of the scale `embedded`, for steps
            that were never measured.
        seeded: whether it uses random numbers; if not, all seeds share its steps.
        distributed: whether it may be distributed over devices.
        microbatched: whether a batch may be split into microbatches (`runtime.max_tokens_per_microbatch`).
        gradient_checkpointing: whether it supports gradient checkpointing (`runtime.gradient_checkpointing`).
        encoder_alone: whether its cost depends on the image encoder alone, as it reads no text.
        stage: of the paper, "0a" to "3"; "" for others.
        title: of the table of benchmarks that are measured right after it; "" if there are none.
        detail: distinguishes a step from others of its kind, in labels.
        panel: the chart of its learning curve: curves in one panel have losses of the same unit.
    """

    name: str
    summary: str
    version: int
    make: Callable[..., Step]
    check: Callable[[Experiment], Iterator[KeyProblem]] = _accept
    options: type | None = None
    module: str = ""
    units: Callable[[Step], int] = _examples
    costs: Callable[[Step], Mapping[str, Json]] | None = None
    seconds: float = 1.0
    seeded: bool = False
    distributed: bool = False
    microbatched: bool = False
    gradient_checkpointing: bool = False
    encoder_alone: bool = False
    stage: str = ""
    title: str = ""
    detail: Callable[[Step], str] = _nothing
    panel: Callable[[Step], str] = _nothing

    def __post_init__(self) -> None:
        """Raise RegistryError for an option without a default, or of a type that YAML cannot express."""
        declared = _types(self.name, self.options) if self.options is not None else {}
        for option in fields(self.options) if self.options is not None else ():
            if option.default is MISSING and option.default_factory is MISSING:
                raise RegistryError(f"stage '{self.name}': its option '{option.name}' needs a default.")
            if not readable(declared[option.name]):
                raise RegistryError(
                    f"stage '{self.name}': YAML cannot express its option '{option.name}: {option.type}'. {_READABLE}"
                )

    @property
    def target(self) -> str:
        """The module that runs it; for built-in kinds, the one of the same name in `training.stages`."""
        return self.module or f"pali3kit.training.stages.{self.name}"
