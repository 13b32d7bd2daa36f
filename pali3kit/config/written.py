"""Turns values of the schema back into plain data for YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass

from pali3kit.config.component import Component, Optimizer
from pali3kit.config.kinds import key_of


def written(value: object) -> object:
    """Return a value as mappings, lists and scalars, the inverse of `typed`: the options of a component, and those of a
    single optimizer, are keys beside its name.
    """
    if isinstance(value, Component):
        return {"name": value.name, **_each(value.options)}
    if is_dataclass(value) and not isinstance(value, type):
        values = {key_of(field): getattr(value, field.name) for field in fields(value)}
        own = values.pop("options") if isinstance(value, Optimizer) else {}
        return _each({**values, **own})
    if isinstance(value, Mapping):
        return _each(value)
    return [written(each) for each in value] if isinstance(value, list | tuple) else value


def _each(values: Mapping[str, object]) -> dict[str, object]:
    return {key: written(value) for key, value in values.items()}
