"""The page of all YAML keys, from the schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from inspect import cleandoc
from pathlib import Path
from typing import Literal, Union, get_args, get_origin

from pali3kit.config.component import Component
from pali3kit.config.kinds import hints, is_component, is_section, key_of
from pali3kit.config.schema import Experiment
from pali3kit.types import TypeForm

ENTRY = re.compile(r"^    (\w+(?:, \w+)*): (.*(?:\n {8}.*)*)", re.MULTILINE)
HEAD = """\
# YAML keys

Every key of an experiment file, from the schema that `check` reads (`pali3kit/config/schema.py`). On the command line a
key is written with its sections: `stages.vision.batch_size=128`. Keys without a default are set by the
[scale](../experiments.md) or by the experiment. A *component* is a name with options: [all of
them](components/index.md).
"""


def pages(_: Path) -> dict[str, str]:
    """The page of all keys."""
    return {"reference/yaml.md": "\n".join([HEAD, *_sections(Experiment, "")])}


def _sections(kind: type, prefix: str) -> Iterator[str]:
    """A table for `kind`, then one for each section below it."""
    text, _, _ = cleandoc(kind.__doc__ or "").partition("\n\nKeys")
    title = f"`{prefix.removesuffix('.')}`" if prefix else "An experiment"
    yield f"{'#' * min(4, 2 + prefix.count('.'))} {title}\n\n{text}\n\n| key | type | default | |\n|---|---|---|---|"
    told, known = _told(kind), hints(kind)
    for field in fields(kind):
        key = key_of(field)
        cells = (f"`{key}`", _type(field, known[key]), _default(field, known[key]), told.get(key, ""))
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""
    for key, declared in known.items():
        yield from (part for inner in _inner(declared) for part in _sections(inner, f"{prefix}{key}."))


def _inner(declared: TypeForm) -> list[type]:
    """The sections within a type, such as those of `dict[str, Recipe]`."""
    if is_section(declared):
        return [declared]
    return [each for argument in get_args(declared) for each in _inner(argument)]


def _told(kind: type) -> dict[str, str]:
    """What the docstrings of a section and of those that it extends say of each key."""
    texts = [cleandoc(each.__doc__ or "") for each in reversed(kind.__mro__) if each is not object]
    entries = [(names.split(", "), " ".join(told.split())) for text in texts for names, told in ENTRY.findall(text)]
    return {name: told for names, told in entries for name in names}


def _type(field: Field[object], declared: TypeForm) -> str:
    if is_component(declared):
        kind = field.metadata.get("registry", "")
        return f"[{kind}](components/{kind}.md)" if kind else "component"
    if is_section(declared):
        return "section"
    return f"`{_text(declared)}`"


def _text(declared: TypeForm) -> str:
    """A type as YAML's author reads it: `int | None`, `'sigmoid' | 'softmax'`, `list[str]`."""
    origin, inner = get_origin(declared), get_args(declared)
    if origin is Literal:
        return " | ".join(map(repr, inner))
    if origin is Union or (inner and origin is not None and origin.__name__ == "UnionType"):
        return " | ".join(map(_text, inner))
    if inner and origin is not None:
        return f"{origin.__name__}[{', '.join(map(_text, inner))}]"
    return {type(None): "null", Component: "component"}.get(declared) or str(getattr(declared, "__name__", declared))


def _default(field: Field[object], declared: TypeForm) -> str:
    if is_section(declared):
        return ""
    if field.default is MISSING and field.default_factory is MISSING:
        return "*to be set*"
    value = field.default if field.default_factory is MISSING else field.default_factory()
    return f"`{_shown(value)}`"


def _shown(value: object) -> str:
    """A default as YAML writes it; of a component its name."""
    if isinstance(value, Component):
        return value.name
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value) or '""'
