"""The keyword arguments of a class or function, from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from typing import Any

from pali3kit.declared.annotations import UNREAD, type_of, value_of
from pali3kit.declared.source import Definition, find_target

WITHOUT_ARGUMENTS = ("object", "abc.ABC", "typing.Protocol", "typing.Generic")
"""Bases whose constructor takes none."""
NO_FIELDS = ("typing.ClassVar", "dataclasses.KW_ONLY")
HARMLESS = (".register", ".final")
"""Decorators of classes that leave the constructor as it is."""


class Unreadable(Exception):
    """The source does not tell which arguments there are."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument. `default` is MISSING where it must be given; `placed`: it cannot be given by name."""

    name: str
    kind: Any
    default: Any = MISSING
    placed: bool = False


def parameters_of(found: Definition, below: tuple[ast.AST, ...] = ()) -> list[Parameter]:
    """The arguments of a function, or of a class' constructor; classes `below` are those that inherit from it.

    Raises Unreadable where the source does not tell them: `**options`, or a base or decorator that is not understood.
    """
    node = found.node
    if isinstance(node, ast.FunctionDef):
        return _arguments(found, node)
    if not isinstance(node, ast.ClassDef) or node in below:
        raise Unreadable
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    if "__init__" in methods:
        return _arguments(found, methods["__init__"])[1:]
    decorators = [_named(found, each) for each in node.decorator_list]
    data = "dataclasses.dataclass" in decorators
    if "__new__" in methods or any(not each.endswith((*HARMLESS, ".dataclass")) for each in decorators):
        raise Unreadable
    inherited = (parameters_of(base, (*below, node)) for base in _bases(found, node))
    if not data:
        return next(filter(None, inherited), [])
    fields = [each for base in reversed([*inherited]) for each in base] + _fields(found, node)
    return list({each.name: each for each in fields}.values())


def _arguments(found: Definition, function: ast.FunctionDef) -> list[Parameter]:
    arguments = function.args
    if arguments.kwarg is not None:
        raise Unreadable
    placed = [*arguments.posonlyargs, *arguments.args]
    defaults = [*[None] * (len(placed) - len(arguments.defaults)), *arguments.defaults]
    pairs = [*zip(placed, defaults, strict=True), *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return [
        Parameter(each.arg, type_of(found.module, each.annotation), _value(found, value), each in arguments.posonlyargs)
        for each, value in pairs
    ]


def _bases(found: Definition, node: ast.ClassDef) -> Iterator[Definition]:
    for base in node.bases:
        if (name := _named(found, base)) in WITHOUT_ARGUMENTS:
            continue
        if (above := find_target(name)) is None:
            raise Unreadable
        yield above


def _fields(found: Definition, node: ast.ClassDef) -> list[Parameter]:
    """What the constructor of a dataclass takes of the fields in its own body."""
    declared = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    told = [
        (each.target.id, each)
        for each in declared
        if isinstance(each.target, ast.Name) and _named(found, each.annotation) not in NO_FIELDS
    ]
    return [parameter for name, each in told if (parameter := _field(found, name, each)) is not None]


def _field(found: Definition, name: str, statement: ast.AnnAssign) -> Parameter | None:
    """A field of a dataclass; None with `init=False`."""
    kind, value = type_of(found.module, statement.annotation), statement.value
    if not isinstance(value, ast.Call) or _named(found, value) != "dataclasses.field":
        return Parameter(name, kind, _value(found, value))
    facts = {each.arg: each.value for each in value.keywords}
    if "init" in facts and value_of(found.module, facts["init"]) is False:
        return None
    if "default_factory" not in facts:
        return Parameter(name, kind, _value(found, facts.get("default")))
    made: dict[str, Any] = {"list": [], "dict": {}}
    return Parameter(name, kind, made.get(_named(found, facts["default_factory"]), UNREAD))


def _value(found: Definition, node: ast.expr | None) -> Any:
    return MISSING if node is None else value_of(found.module, node)


def _named(found: Definition, node: ast.expr) -> str:
    """The name of what is called or subscripted, as `Generic` of `Generic[T]`."""
    if isinstance(node, ast.Call):
        return found.module.full_name(node.func)
    return found.module.full_name(node.value if isinstance(node, ast.Subscript) else node)
