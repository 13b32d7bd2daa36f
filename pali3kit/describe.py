"""The text of `show`: a component's origin, its options with types and defaults, and its named sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields
from importlib import import_module
from inspect import cleandoc
from textwrap import indent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pali3kit.config.component import Component, Optimizer
from pali3kit.config.shapes import LanguageShape, VitShape
from pali3kit.config.stages import Stages
from pali3kit.declared.entry import RegistryEntry


def describe_component(kind: str, entry: RegistryEntry) -> str:
    """Describe a component in several lines, without importing its module."""
    lines = [f"{kind}/{entry.name}: {entry.summary}", f"  from {entry.origin}"]
    if (options := entry.options or _section(kind, entry.name)) is not None:
        if text := cleandoc(options.__doc__ or ""):
            lines.append(indent(text, "  "))
        lines.append(f"  keys of stages.{entry.name}:" if kind == "stage" else "  options:")
        types = get_type_hints(options)  # not `field.type`, which may be a string
        lines += _aligned({each.name: f"{_type(types[each.name])}, {_default(each)}" for each in fields(options)})
    if entry.sizes is not None:
        module, _, attribute = entry.sizes.partition(":")
        sizes = getattr(import_module(module), attribute)
        lines += ["  sizes:", *_aligned({name: _shape_text(shape) for name, shape in sizes.items()})]
    return "\n".join(lines)


def _section(kind: str, name: str) -> Any:
    """The section of `stages` that a built-in kind of stage has; None if it has none."""
    return get_type_hints(Stages).get(name) if kind == "stage" else None


def _aligned(rows: Mapping[str, str]) -> list[str]:
    """A line for each name and text, aligned."""
    width = max([16, *(len(name) + 2 for name in rows)])
    return [f"    {name:<{width}}{text}" for name, text in rows.items()]


def _type(annotation: Any) -> str:
    """A type as written in Python; a Literal as its values."""
    if get_origin(annotation) is Literal:
        return " | ".join(map(repr, get_args(annotation)))
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(map(_type, get_args(annotation)))
    if get_args(annotation):
        return f"{get_origin(annotation).__name__}[{', '.join(map(_type, get_args(annotation)))}]"
    return {Any: "any", NoneType: "None"}.get(annotation) or str(annotation.__name__)


def _default(field: Field[object]) -> str:
    if field.default is MISSING and field.default_factory is MISSING:
        return "required"
    value = field.default if field.default_factory is MISSING else field.default_factory()
    return f"default {value.name if isinstance(value, Component | Optimizer) else value}"


def _shape_text(shape: VitShape | LanguageShape) -> str:
    """`width 768, depth 12, ...`."""
    return ", ".join(f"{key} {value}" for key, value in asdict(shape).items())
