"""Resolve names in Python source without importing anything.

Names are absolute and dotted, `package.module.attribute`. The result is None for what cannot be found or parsed: a
module in a zip file or without its source, a name that a function call creates.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

Target = ast.ClassDef | ast.FunctionDef
"""A class or a function."""
HOPS = 8  # how many re-exports of re-exports are followed


class Module:
    """A parsed module: its classes, functions and assigned expressions by name, and the full names of its imports."""

    def __init__(self, name: str, tree: ast.Module, package: bool) -> None:
        self.name, self.tree = name, tree
        self.definitions: dict[str, Target | ast.expr] = {}
        self.imports: dict[str, str] = {}
        self._package = name if package else name.rpartition(".")[0]
        for statement in _flat(tree.body):
            self._note(statement)

    def _note(self, statement: ast.stmt) -> None:
        if isinstance(statement, Target):
            self.definitions[statement.name] = statement
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            self.definitions[statement.target.id] = statement.value
        elif isinstance(statement, ast.Assign):
            names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
            self.definitions.update(dict.fromkeys(names, statement.value))
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                top = alias.name.partition(".")[0]
                self.imports[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(statement, ast.ImportFrom):
            above = self._package.rsplit(".", statement.level - 1)[0] if statement.level else ""
            source = ".".join(filter(None, (above, statement.module)))
            self.imports |= {alias.asname or alias.name: f"{source}.{alias.name}" for alias in statement.names}

    def full_name(self, node: ast.expr) -> str:
        """The full name of a name or dotted name in this module; a builtin's has no dot. "" for other expressions."""
        if isinstance(node, ast.Attribute):
            above = self.full_name(node.value)
            return above and f"{above}.{node.attr}"
        if not isinstance(node, ast.Name):
            return ""
        own = f"{self.name}.{node.id}" if node.id in self.definitions else node.id
        return self.imports.get(node.id, own)


@dataclass(frozen=True, slots=True)
class Definition:
    """The class, function or expression that a name stands for, and the module in which it is defined."""

    module: Module
    node: Target | ast.expr


def find_definition(name: str, hops: int = HOPS) -> Definition | None:
    """The definition of a dotted name, following imports."""
    above, _, attribute = name.rpartition(".")
    module = read_module(above) if above and hops else None
    if module is None:
        return None
    if (node := module.definitions.get(attribute)) is not None:
        return Definition(module, node)
    return find_definition(module.imports[attribute], hops - 1) if attribute in module.imports else None


def find_target(name: str, hops: int = HOPS) -> Definition | None:
    """The class or function that a dotted name stands for, following assignments such as `create = Gate` too."""
    found = find_definition(name)
    if found is None or isinstance(found.node, Target):
        return found
    return find_target(found.module.full_name(found.node), hops - 1) if hops else None


@cache
def read_module(name: str) -> Module | None:
    """Parse the source of a module."""
    place = locate(name)
    if place is None or place.file is None:
        return None
    try:
        return Module(name, ast.parse(place.file.read_bytes()), package=bool(place.folders))
    except (OSError, SyntaxError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a module lies: its source file, and for a package the folders of its modules."""

    file: Path | None
    folders: tuple[Path, ...] = ()


@cache
def locate(name: str) -> _Place | None:
    """Where a module lies. `find_spec` imports the parents of a module, so it is called for top-level names only."""
    above, _, last = name.rpartition(".")
    if not above:
        return _locate_top(name)
    parent = locate(above)
    folders = parent.folders if parent is not None else ()
    for folder in folders:
        for file, inside in ((folder / last / "__init__.py", (folder / last,)), (folder / f"{last}.py", ())):
            if file.is_file():
                return _Place(file, inside)
    namespace = tuple(folder / last for folder in folders if (folder / last).is_dir())
    return _Place(None, namespace) if namespace else None


def _locate_top(name: str) -> _Place | None:
    try:
        spec = find_spec(name)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    source = spec.has_location and spec.origin is not None and spec.origin.endswith(".py")
    return _Place(Path(str(spec.origin)) if source else None, tuple(map(Path, spec.submodule_search_locations or ())))


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, including those inside `if` and `try`."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try):
            yield from _flat([*statement.body, *statement.orelse])
        else:
            yield statement
