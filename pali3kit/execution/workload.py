"""How much work a stage is, and what makes two stages cost the same per unit of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pali3kit.config.digest import digest
from pali3kit.evals.columns import count_examples
from pali3kit.plan.step import Step, ancestry
from pali3kit.registry import SOURCE

# What a stage inherits from its ancestors as far as its cost goes: the sizes of the models that it loads.
_INHERITED = ("image_size", "vision", "language", "projector", "masks", "vocabulary", "file", "rows", "codes")
_OF_VISION = ("image_size", "vision")
_SEES = frozenset({"features", "embed", "probe", "knn", "linear", "finetune", "classify"})  # no text, whatever the arm
# How long or how well something is trained does not change what a unit costs.
_COUNTS = frozenset({"examples", "split", "splits", "count", "test", "limit", "data"})
_RATES = frozenset({"learning_rate", "weight_decay", "beta2", "schedule", "warmup", "cooldown", "clip_norm", "mixture"})


def units(step: Step) -> int:
    """Count the work of a stage in its kind's unit: examples, pictures, windows or sets; at least 1."""
    config = step.config
    if step.kind in ("features", "embed"):
        return max(1, int(config["count"]))
    if step.kind == "evaluate":
        source = config["source"]
        options = {key: value for key, value in source.items() if key != "name"}
        languages = len(SOURCE.build(source["name"], **options).languages)
        return count_examples(config["column"], int(config["test"]), int(config["limit"]), languages)
    if step.kind in ("knn", "linear"):
        return sum(map(units, step.parents.values()))
    if step.kind == "probe":
        return len(config["sets"])
    if step.kind == "denoising":
        return 3 * int(config["limit"])  # each window in each of the three modes
    return max(1, int(config["training"]["examples"])) if "training" in config else 1


def sized(step: Step) -> dict[str, Any]:
    """Return the step's config completed by the sizes of its ancestors: enough to build everything that it runs."""
    keys = _OF_VISION if step.kind in _SEES else _INHERITED
    inherited: dict[str, Any] = {}
    for ancestor in ancestry([step]):
        inherited |= {key: ancestor.config[key] for key in keys if key in ancestor.config}
    return {**inherited, **step.config}


def shape(step: Step) -> str:
    """Digest what determines the cost of one unit: stages of equal shape cost the same per unit on one machine."""
    return digest({"kind": step.kind, "config": _slim(sized(step))})


def _slim(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key not in _COUNTS | _RATES}
    return {key: _slim(value) if isinstance(value, Mapping) else value for key, value in kept.items()}
