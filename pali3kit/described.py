"""The text of `show`: a component's origin, its options with types and defaults, and its named sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields
from importlib import import_module
from inspect import cleandoc
from textwrap import indent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pali3kit.config.shapes import LanguageShape, VitShape
from pali3kit.declared.entry import RegistryEntry


def describe_component(kind: str, entry: RegistryEntry) -> str:
    """Describe a component in several lines, without importing its module."""
    lines = [f"{kind}/{entry.name}: {entry.summary}", f"  from {entry.origin}"]
    if entry.options is not None:
        lines += [*filter(None, [indent(cleandoc(entry.options.__doc__ or ""), "  ")]), "  options:"]
        types = get_type_hints(entry.options)  # those of a plug-in's dataclass may be strings
        options = {field.name: f"{_type(types[field.name])}, {_default(field)}" for field in fields(entry.options)}
        lines += _columns(options)
    if entry.sizes is not None:
        module, _, attribute = entry.sizes.partition(":")
        named = getattr(import_module(module), attribute)
        lines += ["  sizes:", *_columns({name: _shape(shape) for name, shape in named.items()})]
    return "\n".join(lines)


def _columns(rows: Mapping[str, str]) -> list[str]:
    """A line for each name and text, aligned."""
    width = max([16, *(len(name) + 2 for name in rows)])
    return [f"    {name:<{width}}{text}" for name, text in rows.items()]


def _type(kind: Any) -> str:
    """A type as written in Python; a Literal as its values."""
    if get_origin(kind) is Literal:
        return " | ".join(map(repr, get_args(kind)))
    if get_origin(kind) in (Union, UnionType):
        return " | ".join(map(_type, get_args(kind)))
    if get_args(kind):
        return f"{get_origin(kind).__name__}[{', '.join(map(_type, get_args(kind)))}]"
    return {Any: "any", NoneType: "None"}.get(kind) or str(kind.__name__)


def _default(field: Field[object]) -> str:
    if field.default_factory is not MISSING:
        return f"default {field.default_factory()}"
    return "required" if field.default is MISSING else f"default {field.default}"


def _shape(shape: VitShape | LanguageShape) -> str:
    """The numbers of a shape."""
    return ", ".join(f"{key} {value}" for key, value in asdict(shape).items())
