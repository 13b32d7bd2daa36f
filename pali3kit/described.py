"""A component in words, for `show`: where it is from, its options with types and defaults, and its named sizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, fields
from importlib import import_module
from inspect import cleandoc
from textwrap import indent
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pali3kit.config.shapes import LanguageShape, VitShape
from pali3kit.declared.entry import Entry


def described(kind: str, entry: Entry) -> str:
    """Several lines on a component; its module is not imported."""
    lines = [f"{kind}/{entry.name}: {entry.summary}", f"  from {entry.origin}"]
    if entry.options is not None:
        lines += [*filter(None, [indent(cleandoc(entry.options.__doc__ or ""), "  ")]), "  options:"]
        types = get_type_hints(entry.options)  # a plug-in's dataclass keeps them as text
        options = {field.name: f"{_type(types[field.name])}, {_default(field)}" for field in fields(entry.options)}
        lines += _columns(options)
    if entry.sizes is not None:
        module, _, attribute = entry.sizes.partition(":")
        named = getattr(import_module(module), attribute)
        lines += ["  sizes:", *_columns({name: _shape(shape) for name, shape in named.items()})]
    return "\n".join(lines)


def _columns(told: Mapping[str, str]) -> list[str]:
    """A line for each name, all that is told of them below each other."""
    width = max([16, *(len(name) + 2 for name in told)])
    return [f"    {name:<{width}}{text}" for name, text in told.items()]


def _type(kind: Any) -> str:
    """A type as one would write it in Python; of choices, the values alone."""
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
    """The numbers that a name stands for."""
    return ", ".join(f"{key} {value}" for key, value in asdict(shape).items())
