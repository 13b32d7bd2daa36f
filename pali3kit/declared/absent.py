"""Whether a class or function is there, without importing it."""

from __future__ import annotations

import ast
import sys
from importlib.machinery import all_suffixes

from pali3kit.declared.source import Place, find, locate, read_module

VALUES = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set)
"""Expressions that are surely no class or function."""


def why_absent(target: str) -> str:
    """Why `package.module:attribute` can be no class or function; "" where it is one or the source cannot tell."""
    name, _, attribute = target.partition(":")
    place = locate(name)
    if place is None:
        return f"there is no module '{name}'" if _surely_missing(name) else ""
    if place.file is None:
        return ""
    if (module := read_module(name)) is None:
        return f"{place.file} is no Python that can be read"
    if (found := find(f"{name}.{attribute}")) is not None:
        return f"'{attribute}' is no class or function" if isinstance(found.node, VALUES) else ""
    if attribute in module.imports or _may_have(place, attribute):
        return ""
    return f"module '{name}' has no '{attribute}'"


def _surely_missing(name: str) -> bool:
    """Whether a module without a source is not there in another form either: compiled, in an archive, made by hand."""
    if name in sys.modules:
        return False
    above, _, last = name.rpartition(".")
    if not above:
        return True
    parent = locate(above)
    if parent is None:
        return _surely_missing(above)
    if not all(folder.is_dir() for folder in parent.folders):
        return False
    return not any((folder / f"{last}{suffix}").is_file() for folder in parent.folders for suffix in all_suffixes())


def _may_have(place: Place, attribute: str) -> bool:
    """Whether a module may get the attribute in a way that its definitions do not show: in a loop, by `import *`."""
    assert place.file is not None
    return any(
        (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == attribute)
        or (isinstance(node, ast.alias) and (node.asname or node.name) in (attribute, "*"))
        or (isinstance(node, ast.Name) and node.id == "globals")
        or (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.name in (attribute, "__getattr__")
        )
        for node in ast.walk(ast.parse(place.file.read_bytes()))
    )
