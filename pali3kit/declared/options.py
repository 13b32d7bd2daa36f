"""The options of a component: the keyword arguments of its constructor or factory function, as a dataclass."""

from __future__ import annotations

import ast
from collections.abc import Collection
from copy import copy
from dataclasses import MISSING, field, make_dataclass
from typing import Any

from pali3kit.declared.signature import Parameter, Unreadable, parameters_of
from pali3kit.declared.source import Target, find_target


def read_options(target: str, family: bool = False, given: Collection[str] = ()) -> type | None:
    """A dataclass of the options of `package.module:attribute`, with its docstring; None where its source cannot tell.

    An option that the source has a default for, but not as a literal, has the default `annotations.UNREAD`.

    Args:
        target: a class or a function.
        family: whether the first argument is the rest of the component's name, and so no option.
        given: arguments that the surroundings fill in.
    """
    found = find_target(target.replace(":", "."))
    if found is None or not isinstance(found.node, Target):
        return None
    try:
        parameters = parameters_of(found)
    except Unreadable:
        return None
    options = [each for each in parameters[int(family) :] if not each.placed and each.name not in given]
    fields = [(each.name, each.kind, _default(each)) for each in options]
    kind = make_dataclass(found.node.name, fields, kw_only=True, frozen=True)
    kind.__doc__ = ast.get_docstring(found.node) or ""
    return kind


def same_target(one: str, other: str) -> bool:
    """Whether two targets are one class or function, perhaps imported into another module."""
    if one == other:
        return True
    first, second = (find_target(target.replace(":", ".")) for target in (one, other))
    return first is not None and second is not None and first.node is second.node


def _default(parameter: Parameter) -> Any:
    """The default as dataclasses want it; that of a list may be written as a tuple."""
    value = parameter.default
    if isinstance(value, tuple) and parameter.kind is not Any:
        value = list(value)
    if isinstance(value, list | dict | set):
        return field(default_factory=lambda: copy(value))
    return field() if value is MISSING else field(default=value)
