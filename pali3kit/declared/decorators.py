"""Find the components that decorators such as `@VISION.register(...)` declare, without importing their modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pali3kit.declared.source import Module, Target, find_target, locate, read_module
from pali3kit.errors import RegistryError

POSITIONAL = ("name", "summary")


def scan(packages: Sequence[str], decorator: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield `package.module:attribute` and the decorator's arguments of every class and function with that decorator.

    Raises RegistryError for a decorator whose arguments are not literals.

    Args:
        packages: whose modules are searched, subpackages excluded.
        decorator: for instance `PROJECTOR.register`, called at the top level of a module.
    """
    for package in packages:
        place = locate(package)
        for folder in place.folders if place is not None else ():
            for file in sorted(folder.glob("*.py")):
                if f"{decorator}(".encode() in file.read_bytes():
                    yield from _declared(f"{package}.{file.stem}", file, decorator)


def arguments_of(name: str, target: str, decorator: str) -> dict[str, Any]:
    """The arguments of the decorator that registers `target` (`package.module:attribute`) under `name`; {} without one.

    Raises RegistryError if it is registered under other names only.
    """
    found = find_target(target.replace(":", "."))
    if found is None or not isinstance(found.node, Target):
        return {}
    calls = [_arguments(found.module, call) for call in _calls(found.module, found.node, decorator)]
    by_name = {arguments.get("name"): arguments for arguments in calls}
    if by_name and name not in by_name:
        raise RegistryError(f"it is declared as {' and '.join(map(repr, by_name))}, not as '{name}'.")
    return by_name.get(name, {})


def _declared(name: str, file: Path, decorator: str) -> Iterator[tuple[str, dict[str, Any]]]:
    module = read_module(name)
    if module is None:
        raise RegistryError(f"{file} declares components, but cannot be parsed as Python.")
    for node in (node for node in module.definitions.values() if isinstance(node, Target)):
        for call in _calls(module, node, decorator):
            yield f"{name}:{node.name}", _arguments(module, call)


def _calls(module: Module, node: Target, decorator: str) -> Iterator[ast.Call]:
    """The decorators of a class or function that call `decorator`."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and f".{module.full_name(call.func)}".endswith(f".{decorator}"):
            yield call


def _arguments(module: Module, call: ast.Call) -> dict[str, Any]:
    pairs = [*zip(POSITIONAL, call.args, strict=False), *((each.arg, each.value) for each in call.keywords)]
    try:
        return {str(name): ast.literal_eval(value) for name, value in pairs}
    except ValueError as error:
        file = place.file if (place := locate(module.name)) else module.name
        raise RegistryError(
            f"{file}:{call.lineno}: the arguments of a component's decorator must be literals."
        ) from error
