"""The options of a component: the keyword arguments of its constructor or factory function, as a dataclass.

They are read from its source; nothing is imported.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from copy import copy
from dataclasses import MISSING, dataclass, field, make_dataclass
from typing import Any

from pali3kit.declared.annotations import UNKNOWN_VALUE, type_of, value_of
from pali3kit.declared.source import Definition, Target, find_target

WITHOUT_ARGUMENTS = ("object", "abc.ABC", "typing.Protocol", "typing.Generic")
"""Bases whose constructor takes no arguments."""
NO_FIELDS = ("typing.ClassVar", "dataclasses.KW_ONLY")
HARMLESS = (".register", ".final")
"""Decorators that do not change the constructor of a class."""


class _Unreadable(Exception):
    """The arguments cannot be determined from the source."""


@dataclass(frozen=True, slots=True)
class _Parameter:
    """An argument. `default` is MISSING if it is required; `placed` means positional-only."""

    name: str
    kind: Any
    default: Any = MISSING
    placed: bool = False


def read_options(target: str, family: bool = False, given: Collection[str] = ()) -> type | None:
    """A dataclass of the options of `package.module:attribute`, with its docstring; None if they cannot be determined.

    The default of an option is `annotations.UNKNOWN_VALUE` if the source does not give it as a literal.

    Args:
        target: a class or a function.
        family: whether the first argument is the rest of the component's name, and therefore no option.
        given: arguments that the program passes, and that are therefore no options.
    """
    found = find_target(target.replace(":", "."))
    if found is None or not isinstance(found.node, Target):
        return None
    try:
        parameters = _parameters_of(found)
    except _Unreadable:
        return None
    options = [each for each in parameters[int(family) :] if not each.placed and each.name not in given]
    fields = [(each.name, each.kind, _default(each)) for each in options]
    kind = make_dataclass(found.node.name, fields, kw_only=True, frozen=True)
    kind.__doc__ = ast.get_docstring(found.node) or ""
    return kind


def same_target(one: str, other: str) -> bool:
    """Whether two targets are the same class or function, one of them perhaps re-exported."""
    if one == other:
        return True
    first, second = (find_target(target.replace(":", ".")) for target in (one, other))
    return first is not None and second is not None and first.node is second.node


def _default(parameter: _Parameter) -> Any:
    """The default in the form that dataclasses accept; that of a list may be a tuple in the source."""
    value = parameter.default
    if isinstance(value, tuple) and parameter.kind is not Any:
        value = list(value)
    if isinstance(value, list | dict | set):
        return field(default_factory=lambda: copy(value))
    return field() if value is MISSING else field(default=value)


def _parameters_of(found: Definition, below: tuple[ast.AST, ...] = ()) -> list[_Parameter]:
    """The arguments of a function, or of a class' constructor; `below` are the subclasses on the way, to detect cycles.

    Raises _Unreadable if they cannot be determined: for `**options`, or an unknown base or decorator.
    """
    node = found.node
    if isinstance(node, ast.FunctionDef):
        return _arguments(found, node)
    if not isinstance(node, ast.ClassDef) or node in below:
        raise _Unreadable
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    if "__init__" in methods:
        return _arguments(found, methods["__init__"])[1:]
    decorators = [_named(found, each) for each in node.decorator_list]
    data = "dataclasses.dataclass" in decorators
    if "__new__" in methods or any(not each.endswith((*HARMLESS, ".dataclass")) for each in decorators):
        raise _Unreadable
    inherited = (_parameters_of(base, (*below, node)) for base in _bases(found, node))
    if not data:
        return next(filter(None, inherited), [])
    fields = [each for base in reversed([*inherited]) for each in base] + _fields(found, node)
    return list({each.name: each for each in fields}.values())


def _arguments(found: Definition, function: ast.FunctionDef) -> list[_Parameter]:
    arguments = function.args
    if arguments.kwarg is not None:
        raise _Unreadable
    placed = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(placed) - len(arguments.defaults)), *arguments.defaults]
    pairs = [*zip(placed, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return [
        _Parameter(
            each.arg, type_of(found.module, each.annotation), _value(found, value), each in arguments.posonlyargs
        )
        for each, value in pairs
    ]


def _bases(found: Definition, node: ast.ClassDef) -> Iterator[Definition]:
    for base in node.bases:
        if (name := _named(found, base)) in WITHOUT_ARGUMENTS:
            continue
        if (above := find_target(name)) is None:
            raise _Unreadable
        yield above


def _fields(found: Definition, node: ast.ClassDef) -> list[_Parameter]:
    """The arguments that the fields in a dataclass' own body add to its constructor."""
    declared = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    named = [
        (each.target.id, each)
        for each in declared
        if isinstance(each.target, ast.Name) and _named(found, each.annotation) not in NO_FIELDS
    ]
    return [parameter for name, each in named if (parameter := _field(found, name, each)) is not None]


def _field(found: Definition, name: str, statement: ast.AnnAssign) -> _Parameter | None:
    """The argument for a field of a dataclass; None if it has `init=False`."""
    kind, value = type_of(found.module, statement.annotation), statement.value
    if not isinstance(value, ast.Call) or _named(found, value) != "dataclasses.field":
        return _Parameter(name, kind, _value(found, value))
    facts = {each.arg: each.value for each in value.keywords}
    if "init" in facts and value_of(found.module, facts["init"]) is False:
        return None
    if "default_factory" not in facts:
        return _Parameter(name, kind, _value(found, facts.get("default")))
    made: dict[str, Any] = {"list": [], "dict": {}}
    return _Parameter(name, kind, made.get(_named(found, facts["default_factory"]), UNKNOWN_VALUE))


def _value(found: Definition, node: ast.expr | None) -> Any:
    return MISSING if node is None else value_of(found.module, node)


def _named(found: Definition, node: ast.expr) -> str:
    """The full name of a name, call or subscript: `Generic` of `Generic[T]`."""
    if isinstance(node, ast.Call):
        return found.module.full_name(node.func)
    return found.module.full_name(node.value if isinstance(node, ast.Subscript) else node)
