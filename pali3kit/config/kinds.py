"""The declared types of the schema, key by key."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import Field, field, fields, is_dataclass, make_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin, get_type_hints

from pali3kit.catalogue import STAGE
from pali3kit.config.component import Component, Optimizer
from pali3kit.config.runtime import StageRuntime
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Recipe, Stages
from pali3kit.config.tree import MOST_DEPTH
from pali3kit.types import TypeForm

VARIABLES = "variables"  # the key of values that interpolations use, dropped once they are resolved
PARTS = dict[str, Component]  # the type of the option `parts`: the sources of a union
RUNTIMES = dict[str, StageRuntime]  # the type of `runtime.stages`
RECIPES = dict[str, int | Recipe]  # the type of `stages.transfer.benchmarks`
OPTIONAL_COMPONENT = Component | None
_SCALARS = (int, float, str, bool, type(None))
PlainComponent = Annotated[Mapping[str, Any], Component]
"""A component among the options of a component, as its constructor gets it: `{"name": ..., **options}`."""


@cache
def hints(kind: type) -> dict[str, TypeForm]:
    """Return the evaluated types of a dataclass' fields, which modules keep as text, by their keys."""
    named = {each.name: key_of(each) for each in fields(kind)}
    return {named.get(name, name): _with_plugins(declared) for name, declared in get_type_hints(kind).items()}


def key_of(declared: Field[Any]) -> str:
    """Return the key of a field in YAML: its name, unless Python reserves that word."""
    return str(declared.metadata.get("key", declared.name))


@cache
def _with_plugins(kind: TypeForm) -> TypeForm:
    """Return `Stages` with a section for each plug-in's kind of stage that has options; any other type unchanged."""
    if kind is not Stages:
        return kind
    sections = [(each.name, each.options) for each in STAGE.plugins() if each.options is not None]
    added = [(name, options, field(default_factory=options)) for name, options in sections]
    return make_dataclass("Stages", added, bases=(Stages,), kw_only=True) if added else Stages


def registry_of(key: str) -> str:
    """Return the registry of the component at a dotted key; components among its options are of the same registry."""
    kind: Any = Experiment
    for head in key.split("."):
        declared = {each.name: each for each in fields(kind)}[head]
        if found := declared.metadata.get("registry"):
            return str(found)
        kind = hints(kind)[head]
    raise KeyError(key)


def is_component(kind: TypeForm) -> bool:
    """Whether `kind` is a component or an optional one."""
    return kind is Component or kind == OPTIONAL_COMPONENT


def is_section(kind: TypeForm) -> TypeGuard[type]:
    """Whether `kind` is a mapping with declared keys. A component is not one: its keys depend on its name."""
    return isinstance(kind, type) and is_dataclass(kind) and kind is not Component


def readable(kind: TypeForm) -> bool:
    """Whether YAML can hold a value of the type `kind`: a scalar, `Literal`, list, `tuple[x, ...]`, `dict[str, x]`,
    section or component, `Any`, an optional one of these, or a union of scalars and at most one section.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        others = [each for each in inner if each not in _SCALARS]
        alone = len(inner) == 2 and type(None) in inner
        return not others or (len(others) == 1 and readable(others[0]) and (alone or is_section(others[0])))
    if origin is tuple:
        return inner[1:] == (...,) and readable(inner[0])
    if origin is dict:
        return inner[0] is str and readable(inner[1])
    if origin is list:
        return readable(inner[0])
    if is_section(kind):
        return all(map(readable, hints(kind).values()))
    return kind is Any or kind in _SCALARS or origin is Literal or is_component(kind)


def exists(kind: TypeForm, key: str) -> bool:
    """Whether the dotted `key` may be set below `kind`. Options of components and optimizers all may: they are
    checked when the component is built.
    """
    head, _, rest = key.partition(".")
    if get_origin(kind) is dict:
        return key.count(".") <= MOST_DEPTH
    if is_component(kind):
        return not rest or (head == "parts" and key.count(".") <= MOST_DEPTH)
    if not is_section(kind) or head not in hints(kind):
        return kind is Optimizer and not rest
    return not rest or exists(hints(kind)[head], rest)


def keys(kind: type, prefix: str = "") -> list[str]:
    """List all dotted keys below the dataclass `kind`, sections included."""
    found = []
    for name, declared in hints(kind).items():
        found.append(prefix + name)
        if is_section(declared):
            found += keys(declared, f"{prefix}{name}.")
    return found
