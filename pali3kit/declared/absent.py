"""Whether a class or function exists, without importing its module."""

from __future__ import annotations

import ast
import sys
from importlib.machinery import all_suffixes

from pali3kit.declared.source import Module, find_definition, locate, read_module

VALUES = (ast.Constant, ast.JoinedStr, ast.List, ast.Tuple, ast.Dict, ast.Set)
"""Expressions that cannot be a class or function."""


def why_absent(target: str) -> str:
    """Why `package.module:attribute` is no class or function; "" if it is one, or if its source leaves that open."""
    name, _, attribute = target.partition(":")
    place = locate(name)
    if place is None:
        return f"there is no module '{name}'" if _surely_missing(name) else ""
    if place.file is None:
        return ""
    if (module := read_module(name)) is None:
        return f"{place.file} cannot be parsed as Python"
    if (found := find_definition(f"{name}.{attribute}")) is not None:
        return f"'{attribute}' is no class or function" if isinstance(found.node, VALUES) else ""
    if attribute in module.imports or _may_have(module, attribute):
        return ""
    return f"module '{name}' has no '{attribute}'"


def _surely_missing(name: str) -> bool:
    """Whether a module without source is also not compiled, in an archive, or in `sys.modules`."""
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


def _may_have(module: Module, attribute: str) -> bool:
    """Whether a module may define the attribute other than by a plain statement: in a loop, by `import *`, ..."""
    return any(
        (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == attribute)
        or (isinstance(node, ast.alias) and (node.asname or node.name) in (attribute, "*"))
        or (isinstance(node, ast.Name) and node.id == "globals")
        or (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.name in (attribute, "__getattr__")
        )
        for node in ast.walk(module.tree)
    )
