"""The amount of work in a step, and a digest of what determines the cost of one unit of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from pali3kit.catalogue import STAGE
from pali3kit.config.digest import digest
from pali3kit.plan.step import Step, ancestry
from pali3kit.training.context import ComponentSpecs
from pali3kit.types import Json

# The cost of a step also depends on the components that it loads from its ancestors.
_INHERITED = tuple(field.name for field in fields(ComponentSpecs))
_OF_ENCODER = ("image_size", "vision")
# The number of examples and the optimizer's rates do not change the cost of a unit.
_COUNTS = frozenset({"examples", "split", "splits", "count", "test", "limit", "data"})
_RATES = frozenset({"learning_rate", "weight_decay", "beta2", "schedule", "warmup", "cooldown", "clip_norm", "mixture"})


def units(step: Step) -> int:
    """The work of a step in units of its kind (examples, images, windows, ...); at least 1."""
    return STAGE.find(step.kind).units(step)


def sizes(step: Step) -> ComponentSpecs:
    """The configurations of the components of a step and its ancestors."""
    return ComponentSpecs(**_inherited(step))  # type: ignore[arg-type]  # each kind's Config declares these fields as ComponentSpecs does


def shape(step: Step) -> str:
    """Digest of what determines the cost of one unit: steps of equal shape cost the same per unit on one machine."""
    return digest({"kind": step.kind, "config": _slim({**_inherited(step), **step.plain})})


def cost_shape(step: Step) -> str:
    """Digest of what determines the calibrated cost of one unit. `StageKind.costs` may make it coarser than `shape`,
    for instance equal for all tasks, so that only one of them is calibrated.
    """
    costs = STAGE.find(step.kind).costs
    return (
        shape(step)
        if costs is None
        else digest({"kind": step.kind, "cost": _slim({**_inherited(step), **costs(step)})})
    )


def _inherited(step: Step) -> dict[str, Json]:
    keys = _OF_ENCODER if STAGE.find(step.kind).encoder_alone else _INHERITED
    inherited: dict[str, Json] = {}
    for ancestor in ancestry([step]):
        inherited |= {key: ancestor.plain[key] for key in keys if key in ancestor.plain}
    return inherited


def _slim(config: Mapping[str, Json]) -> dict[str, Json]:
    kept = {key: value for key, value in config.items() if key not in _COUNTS | _RATES}
    return {key: _slim(value) if isinstance(value, Mapping) else value for key, value in kept.items()}
