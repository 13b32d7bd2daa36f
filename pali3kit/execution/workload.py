"""How much work a step is, and what makes two steps cost the same per unit of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from pali3kit.catalogue import STAGE
from pali3kit.config.digest import digest
from pali3kit.plan.step import Step, ancestry
from pali3kit.training.context import Sizes
from pali3kit.types import Json

# What a stage inherits from its ancestors as far as its cost goes: the components that it loads.
_INHERITED = tuple(field.name for field in fields(Sizes))
_OF_ENCODER = ("image_size", "vision")
# How long or how well something is trained does not change what a unit costs.
_COUNTS = frozenset({"examples", "split", "splits", "count", "test", "limit", "data"})
_RATES = frozenset({"learning_rate", "weight_decay", "beta2", "schedule", "warmup", "cooldown", "clip_norm", "mixture"})


def units(step: Step) -> int:
    """Count the work of a step in its kind's unit; at least 1."""
    return STAGE.find(step.kind).units(step)


def sizes(step: Step) -> Sizes:
    """The components of a step and its ancestors."""
    return Sizes(**_inherited(step))  # type: ignore[arg-type]  # each kind's Config declares these fields as Sizes does


def shape(step: Step) -> str:
    """Digest what determines the cost of one unit: steps of equal shape cost the same per unit on one machine."""
    return digest({"kind": step.kind, "config": _slim({**_inherited(step), **step.plain})})


def cost_shape(step: Step) -> str:
    """Digest what a stage looks at that measures its cost ahead: of several tasks, one is measured for all."""
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
