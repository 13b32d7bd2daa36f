"""What components are declared with, by the decorators in their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pali3kit.declared.source import Module, Target, find_target, locate, read_module
from pali3kit.errors import RegistryError

Facts = dict[str, Any]
POSITIONAL = ("name", "summary")


def scan(rooms: Sequence[str], decorator: str) -> Iterator[tuple[str, Facts]]:
    """Yield `package.module:attribute` and the decorator's arguments, for all that is decorated with `decorator`.

    Raises RegistryError for a decorator whose arguments are not literals.

    Args:
        rooms: packages whose modules are looked at, those of packages in them not.
        decorator: `PROJECTOR.register`, as it is called at the top level of a module.
    """
    for room in rooms:
        place = locate(room)
        for folder in place.folders if place is not None else ():
            for file in sorted(folder.glob("*.py")):
                if f"{decorator}(".encode() in file.read_bytes():
                    yield from _declared(f"{room}.{file.stem}", file, decorator)


def facts_of(name: str, target: str, decorator: str) -> Facts:
    """The arguments of the decorator that calls `target` (`package.module:attribute`) by `name`; none without one.

    Raises RegistryError where decorators call it by other names alone.
    """
    found = find_target(target.replace(":", "."))
    if found is None or not isinstance(found.node, Target):
        return {}
    told = {
        facts.get("name"): facts
        for facts in (_facts(found.module, call) for call in _calls(found.module, found.node, decorator))
    }
    if told and name not in told:
        raise RegistryError(f"it is declared as {' and '.join(map(repr, told))}, not as '{name}'.")
    return told.get(name, {})


def _declared(name: str, file: Path, decorator: str) -> Iterator[tuple[str, Facts]]:
    module = read_module(name)
    if module is None:
        raise RegistryError(f"{file} declares components, but is no Python that can be read.")
    for node in (node for node in module.definitions.values() if isinstance(node, Target)):
        for call in _calls(module, node, decorator):
            yield f"{name}:{node.name}", _facts(module, call)


def _calls(module: Module, node: Target, decorator: str) -> Iterator[ast.Call]:
    """The decorators of a class or function that are calls of `decorator`."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and f".{module.full_name(call.func)}".endswith(f".{decorator}"):
            yield call


def _facts(module: Module, call: ast.Call) -> Facts:
    pairs = [*zip(POSITIONAL, call.args, strict=False), *((each.arg, each.value) for each in call.keywords)]
    try:
        return {str(name): ast.literal_eval(value) for name, value in pairs}
    except ValueError as error:
        file = place.file if (place := locate(module.name)) else module.name
        raise RegistryError(f"{file}:{call.lineno}: what a component is declared with must be literals.") from error
