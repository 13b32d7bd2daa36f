"""Values of the schema as YAML has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from pali3kit.config.part import Optimizer, Part


def written(value: object) -> Any:
    """Return a value as it is written in YAML: mappings, lists and scalars. The options of a component, and an
    optimizer's own, stand beside its name.
    """
    if isinstance(value, Part):
        return {"name": value.name, **written(value.options)}
    if is_dataclass(value) and not isinstance(value, type):
        told = {field.name: written(getattr(value, field.name)) for field in fields(value)}
        own = told.pop("options") if isinstance(value, Optimizer) else {}
        return {**told, **own}
    if isinstance(value, Mapping):
        return {key: written(each) for key, each in value.items()}
    return [written(each) for each in value] if isinstance(value, list | tuple) else value
