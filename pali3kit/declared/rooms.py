"""Which components our own packages declare, by the decorators in their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pali3kit.declared.source import Module, Target, locate, read_module
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


def _declared(name: str, file: Path, decorator: str) -> Iterator[tuple[str, Facts]]:
    module = read_module(name)
    if module is None:
        raise RegistryError(f"{file} declares components, but is no Python that can be read.")
    for node in (node for node in module.definitions.values() if isinstance(node, Target)):
        for call in node.decorator_list:
            if isinstance(call, ast.Call) and f".{module.full_name(call.func)}".endswith(f".{decorator}"):
                yield f"{name}:{node.name}", _facts(module, call, file)


def _facts(module: Module, call: ast.Call, file: Path) -> Facts:
    pairs = [*zip(POSITIONAL, call.args, strict=False), *((each.arg, each.value) for each in call.keywords)]
    try:
        return {str(name): ast.literal_eval(value) for name, value in pairs}
    except ValueError as error:
        raise RegistryError(f"{file}:{call.lineno}: what a component is declared with must be literals.") from error
