"""Types of annotations and values of defaults, from source text: a few forms are understood, nothing is evaluated.

Any other annotation becomes `Any`, so that values are not checked; any other default becomes `UNREAD`.
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


class _Unread:
    """A default that cannot be read from source: an option that is not given is then not passed on."""

    def __repr__(self) -> str:
        return "..."


UNREAD = _Unread()

SCALARS: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool, "None": NoneType}
LISTS = ("list", "typing.List", "typing.Sequence", "typing.Iterable", "collections.abc.Sequence",
         "collections.abc.Iterable", "collections.abc.Collection")  # fmt: skip
MAPPINGS = ("dict", "typing.Dict", "typing.Mapping", "collections.abc.Mapping")
TORCH_FREE = "pali3kit.config."  # dataclasses of these modules, such as `Part`, may be types of options


def type_of(module: Module, node: ast.expr | None, depth: int = 8) -> Any:
    """The type of an annotation in `module`; `depth` limits how many aliases of aliases are followed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = _parsed(node.value)
    if isinstance(node, ast.Constant) and node.value is None:
        return NoneType
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _union([type_of(module, side, depth) for side in (node.left, node.right)])
    if isinstance(node, ast.Subscript):
        return _subscripted(module, node, depth)
    return _named(module, module.full_name(node), depth) if node is not None else Any


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
    return value_of(found.module, found.node, depth - 1) if found and isinstance(found.node, ast.expr) else UNREAD


def _named(module: Module, name: str, depth: int) -> Any:
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
    home = found.module.name
    if not isinstance(found.node, ast.ClassDef) or not home.startswith(TORCH_FREE):
        return Any
    kind = getattr(import_module(home), found.node.name)
    return kind if is_dataclass(kind) else Any


def _subscripted(module: Module, node: ast.Subscript, depth: int) -> Any:
    name = module.full_name(node.value)
    inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if name.endswith(".Literal"):
        choices = tuple(value_of(module, choice) for choice in inside)
        return Any if UNREAD in choices else Literal[choices]
    if name in ("typing.Annotated", "typing_extensions.Annotated"):  # the metadata may hold the type to be checked
        metadata = [type_of(module, fact, depth) for fact in inside[1:] if not isinstance(fact, ast.Constant)]
        return next((kind for kind in metadata if kind is not Any), type_of(module, inside[0], depth))
    kinds = [type_of(module, each, depth) for each in inside]
    if name == "typing.Optional":
        return _union([*kinds, NoneType])
    if name == "typing.Union":
        return _union(kinds)
    if name in LISTS and len(kinds) == 1:
        return list[kinds[0]]  # type: ignore[valid-type]
    if name in MAPPINGS and len(kinds) == 2 and kinds[0] is str:
        return dict[str, kinds[1]]  # type: ignore[valid-type]
    return Any


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _parsed(text: str) -> ast.expr | None:
    """Parse an annotation that is a string."""
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
