"""Types of annotations and values of defaults, read from source text: a few forms only, and nothing is executed.

Any other annotation becomes `Any`, so that values are not checked; any other default becomes `UNKNOWN_VALUE`.
"""

from __future__ import annotations

import ast
from dataclasses import is_dataclass
from functools import reduce
from importlib import import_module
from operator import or_
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pali3kit.declared.source import Module, find_definition


class _UnknownValue:
    """A default that the source does not show. An option with it is passed on only where an experiment sets it."""

    def __repr__(self) -> str:
        return "..."


UNKNOWN_VALUE = _UnknownValue()

SCALARS: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool, "None": NoneType}
LISTS = ("list", "typing.List", "typing.Sequence", "typing.Iterable", "collections.abc.Sequence",
         "collections.abc.Iterable", "collections.abc.Collection")  # fmt: skip
MAPPINGS = ("dict", "typing.Dict", "typing.Mapping", "collections.abc.Mapping")
IMPORTABLE = "pali3kit.config."  # prefix of modules that are imported for their dataclasses, as none imports torch


def type_of(module: Module, node: ast.expr | None, depth: int = 8) -> Any:
    """The type of an annotation in `module`; `depth` limits how many aliases of aliases are followed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = _parsed(node.value)
    if isinstance(node, ast.Constant) and node.value is None:
        return NoneType
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([type_of(module, side, depth) for side in (node.left, node.right)])
    if isinstance(node, ast.Subscript):
        return _subscripted_type(module, node, depth)
    return _type_named(module, module.full_name(node), depth) if node is not None else Any


def _union(members: list[Any]) -> Any:
    """A union of plain types, or of one generic type and None; other unions become Any."""
    plain = [each for member in members for each in (get_args(member) if _is_union(member) else (member,))]
    compound = any(get_origin(each) is not None for each in plain)
    if Any in plain or (compound and (len(plain) != 2 or NoneType not in plain)):
        return Any
    return reduce(or_, plain)


def value_of(module: Module, node: ast.expr, depth: int = 8) -> Any:
    """The value of a literal, or of a name that is assigned one."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        found = find_definition(module.full_name(node)) if depth else None
    return (
        value_of(found.module, found.node, depth - 1) if found and isinstance(found.node, ast.expr) else UNKNOWN_VALUE
    )


def _type_named(module: Module, name: str, depth: int) -> Any:
    if name in SCALARS:
        return SCALARS[name]
    if name in LISTS:
        return list[Any]
    if name in MAPPINGS:
        return dict[str, Any]
    found = find_definition(name) if depth else None
    if found is None:
        return Any
    if isinstance(found.node, ast.expr):
        return type_of(found.module, found.node, depth - 1)
    module_name = found.module.name
    if not isinstance(found.node, ast.ClassDef) or not module_name.startswith(IMPORTABLE):
        return Any
    declared = getattr(import_module(module_name), found.node.name)
    return declared if is_dataclass(declared) else Any


def _subscripted_type(module: Module, node: ast.Subscript, depth: int) -> Any:
    name = module.full_name(node.value)
    arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name.endswith(".Literal"):
        choices = tuple(value_of(module, choice) for choice in arguments)
        return Any if UNKNOWN_VALUE in choices else Literal[choices]
    if name in ("typing.Annotated", "typing_extensions.Annotated"):
        # a type in the metadata is the one to check, as in `PlainComponent`
        metadata = [type_of(module, each, depth) for each in arguments[1:] if not isinstance(each, ast.Constant)]
        return next((each for each in metadata if each is not Any), type_of(module, arguments[0], depth))
    types = [type_of(module, each, depth) for each in arguments]
    if name == "typing.Optional":
        return _union([*types, NoneType])
    if name == "typing.Union":
        return _union(types)
    if name in LISTS and len(types) == 1:
        return list[types[0]]  # type: ignore[valid-type]
    if name in MAPPINGS and len(types) == 2 and types[0] is str:
        return dict[str, types[1]]  # type: ignore[valid-type]
    return Any


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def _parsed(text: str) -> ast.expr | None:
    """The expression in an annotation that is a string; None if it is not valid Python."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
