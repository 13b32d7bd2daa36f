"""What a kind of stage is: all that planning, execution and reports know of it. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields

from pali3kit.config.budgets import Complaint
from pali3kit.config.kinds import hints, readable
from pali3kit.config.schema import Experiment
from pali3kit.errors import RegistryError
from pali3kit.plan.step import Step
from pali3kit.types import Json, TypeForm

_READABLE = (
    "Choose from int, float, str, bool, Literal, list, tuple[..., ...], dict[str, ...] and dataclasses of these."
)


def _examples(step: Step) -> int:
    """The training examples of a step; 1 where it trains nothing."""
    training = getattr(step.config, "training", None)
    return max(1, training.examples) if training is not None else 1


def _nothing(step: Step) -> str:
    """No detail."""
    return ""


def _accept(cell: Experiment) -> Iterator[Complaint]:
    """Nothing to complain about."""
    yield from ()


def _types(name: str, options: type) -> dict[str, TypeForm]:
    """The types of a stage's options. Raises RegistryError where a name in them stands for nothing at run time."""
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
        make: from a `CellSteps`, and what tells several of this kind apart, to the step. The kind of a
            generated benchmark is asked as `make(cell, benchmark=name, after=stage)`, once for each stage of
            `evaluation.after`; that of another one as `make(cell)`.
        check: what is wrong with a cell as far as this kind goes: dotted keys and texts.
        options: the dataclass of its section of `stages`, for a plug-in's; all have defaults, for experiments that do
            not run it leave the section out, and types that a file can give (`config.kinds.readable`).
        module: where its `run(config, context)` and `calibrate(config, sizes)` are.
        units: counts the work of a step in the unit of its progress (examples, pictures, windows, sets); at least 1.
        costs: what of the configuration a unit's cost depends on when it is measured ahead; all where it is None.
        seconds: a first guess of one unit's on one slow core, only used to order stages that nobody has measured.
        seeded: whether it draws at random; what does not is shared by all seeds.
        spread: may be shared among ranks.
        passes: a step's batch may be cut into passes (`runtime.most_tokens`).
        recomputes: can compute activations again instead of keeping them (`runtime.recompute`).
        encoder_alone: no text enters it: its cost depends on the image encoder alone.
        stage: of the paper, "0a" to "3"; "" for all else.
        title: of a table of what is measured right after it; "" where nothing can be.
        detail: what tells a step from others of its kind, for labels.
        panel: of its learning curve: those of one panel share a chart, for their losses have one unit.
    """

    name: str
    summary: str
    version: int
    make: Callable[..., Step]
    check: Callable[[Experiment], Iterator[Complaint]] = _accept
    options: type | None = None
    module: str = ""
    units: Callable[[Step], int] = _examples
    costs: Callable[[Step], Mapping[str, Json]] | None = None
    seconds: float = 1.0
    seeded: bool = False
    spread: bool = False
    passes: bool = False
    recomputes: bool = False
    encoder_alone: bool = False
    stage: str = ""
    title: str = ""
    detail: Callable[[Step], str] = _nothing
    panel: Callable[[Step], str] = _nothing

    def __post_init__(self) -> None:
        """Raise RegistryError for an option without a default, or of a type that no file can give."""
        declared = _types(self.name, self.options) if self.options is not None else {}
        for option in fields(self.options) if self.options is not None else ():
            if option.default is MISSING and option.default_factory is MISSING:
                raise RegistryError(f"stage '{self.name}': its option '{option.name}' needs a default.")
            if not readable(declared[option.name]):
                raise RegistryError(
                    f"stage '{self.name}': no file can give its option '{option.name}: {option.type}'. {_READABLE}"
                )

    @property
    def target(self) -> str:
        """The module that runs it: built-in kinds' is the one of the same name in `training.stages`."""
        return self.module or f"pali3kit.training.stages.{self.name}"
