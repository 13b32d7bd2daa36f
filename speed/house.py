"""Measure the source code: sizes of files and functions, public names, use of `Any`, each beside its goal.

    python speed/house.py [CHECKOUT]

parses the source without importing it. The exit code is 1 if a goal is missed; the offenders are listed below the
table.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

PACKAGE, TESTS = "pali3kit", "tests"
CONTRACT = frozenset({"run", "calibrate", "Config", "make", "check", "detail", "panel", "units", "KIND"})
"""Names of the contract of kinds of stages: they have the same meaning in every module."""
MAX_NAMES = 20  # public names a thousand lines
MARKS = re.compile(r"\b(TODO|FIXME)\b")
RETURNS_ANY = re.compile(r"type:\s*ignore\[[^\]]*no-any-return")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """A source file: its path below the checkout, its text and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return self.text.count("\n")

    def functions(self) -> Iterator[Function]:
        """All functions and methods, nested ones too."""
        yield from (node for node in ast.walk(self.tree) if isinstance(node, Function))

    @property
    def folder(self) -> str:
        """The folder below the package to which it belongs, at whatever depth."""
        return Path(*self.path.parent.parts[:2]).as_posix()

    def public_names(self) -> list[str]:
        """The functions and classes at its top level without a leading underscore, each once."""
        nodes = (node for node in self.tree.body if isinstance(node, Function | ast.ClassDef))
        return list(dict.fromkeys(node.name for node in nodes if not node.name.startswith("_")))

    def place(self, node: Function) -> str:
        return f"{self.path.as_posix()}:{node.lineno} {node.name}"


@dataclass(frozen=True)
class Size:
    """A measured number, its goal as text, whether the goal is met, and the offenders, worst first."""

    name: str
    value: float
    goal: str
    met: bool
    offenders: list[str]

    @property
    def shown(self) -> str:
        return f"{self.value:,}" if isinstance(self.value, int) else f"{self.value:.2f}"


def modules(checkout: Path, folder: str) -> list[Module]:
    """Parse the Python files below a folder of a checkout."""
    files = [(file, file.read_text(encoding="utf-8")) for file in sorted((checkout / folder).rglob("*.py"))]
    return [Module(file.relative_to(checkout), text, ast.parse(text)) for file, text in files]


def long_files(package: list[Module], limit: int) -> list[str]:
    """Files of more than `limit` lines, the longest first."""
    found = sorted(package, key=lambda module: -module.lines)
    return [f"{module.path.as_posix()} ({module.lines})" for module in found if module.lines > limit]


def length(function: Function) -> int:
    """The number of lines of a function, without its decorators."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def long_functions(package: list[Module], limit: int) -> list[str]:
    """Functions of more than `limit` lines, the longest first."""
    found = [(length(node), module.place(node)) for module in package for node in module.functions()]
    return [f"{place} ({lines})" for lines, place in sorted(found, reverse=True) if lines > limit]


def annotations(function: Function) -> Iterator[ast.expr]:
    """The annotations of a function's arguments and result."""
    declared = function.args
    arguments = [*declared.posonlyargs, *declared.args, declared.vararg, *declared.kwonlyargs, declared.kwarg]
    yield from (each.annotation for each in arguments if each is not None and each.annotation is not None)
    if function.returns is not None:
        yield function.returns


def mentions_any(annotation: ast.expr) -> bool:
    """Whether `Any` occurs in an annotation, also in one that is a string."""
    nodes = list(ast.walk(annotation))
    named = {node.id for node in nodes if isinstance(node, ast.Name)}
    named |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "Any" in named or any(re.search(r"\bAny\b", text) for text in texts)


def functions_with_any(package: list[Module]) -> list[str]:
    """Functions with `Any` in their signature."""
    return [
        module.place(node)
        for module in package
        for node in module.functions()
        if any(map(mentions_any, annotations(node)))
    ]


def own_names(package: list[Module]) -> list[tuple[Module, str]]:
    """The public names and their modules, except those of the contract of kinds."""
    names = [(module, name) for module in package for name in module.public_names()]
    return [(module, name) for module, name in names if name not in CONTRACT]


def dense_folders(package: list[Module]) -> list[str]:
    """The folders with more than `MAX_NAMES` public names a thousand lines, with those names, the most excess first."""
    lines: dict[str, int] = defaultdict(int)
    names: dict[str, list[str]] = defaultdict(list)
    for module in package:
        lines[module.folder] += module.lines
    for module, name in own_names(package):
        names[module.folder].append(f"{module.path.stem}.{name}")
    excess = {folder: len(found) - MAX_NAMES * lines[folder] / 1000 for folder, found in names.items()}
    return [
        f"{folder}: {len(names[folder])} names in {lines[folder]} lines, {excess[folder]:.0f} too many:"
        f" {', '.join(names[folder])}"
        for folder in sorted(excess, key=lambda folder: -excess[folder])
        if excess[folder] > 0
    ]


def ambiguous_names(package: list[Module]) -> list[str]:
    """The public names that several modules define, with these modules. A re-export is no definition."""
    places: dict[str, list[str]] = defaultdict(list)
    for module, name in own_names(package):
        places[name].append(module.path.as_posix())
    return [f"{name}: {', '.join(found)}" for name, found in sorted(places.items()) if len(found) > 1]


def private_imports(package: list[Module]) -> list[str]:
    """Imports of another module's private names."""
    return [
        f"{module.path.as_posix()}:{node.lineno} {node.module}.{each.name}"
        for module in package
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == PACKAGE
        for each in node.names
        if each.name.startswith("_") and not each.name.startswith("__")
    ]


def lines_with(package: list[Module], pattern: re.Pattern[str]) -> list[str]:
    """The lines that match a pattern."""
    return [
        f"{module.path.as_posix()}:{number}"
        for module in package
        for number, line in enumerate(module.text.splitlines(), 1)
        if pattern.search(line)
    ]


def without_mirror(package: list[Module], tests: list[Module]) -> list[str]:
    """The modules `pali3kit/folder/x.py` without a `tests/folder/test_x.py`."""
    there = {module.path for module in tests}
    return [
        module.path.as_posix()
        for module in package
        if not module.path.name.startswith("__")
        and Path(TESTS, *module.path.parts[1:-1], f"test_{module.path.name}") not in there
    ]


def sizes(checkout: Path) -> list[Size]:
    """Measure a checkout."""
    package, tests = modules(checkout, PACKAGE), modules(checkout, TESTS)
    lines, tested = (sum(module.lines for module in each) for each in (package, tests))
    functions = [node for module in package for node in module.functions()]
    loose, names = functions_with_any(package), sum(len(module.public_names()) for module in package)
    share, ratio = 100 * len(loose) / len(functions), tested / lines
    density = 1000 * len(own_names(package)) / lines
    middle, longest = median(module.lines for module in package), max(module.lines for module in package)
    most, bare = max(map(length, functions)), without_mirror(package, tests)

    def none(name: str, offenders: list[str]) -> Size:
        return Size(name, len(offenders), "0", not offenders, offenders)

    return [
        Size("modules", len(package), "", True, []),
        Size("lines", lines, "", True, []),
        Size("lines of the median file", middle, "<= 120", middle <= 120, long_files(package, 120)),
        Size("lines of the longest file", longest, "<= 300", longest <= 300, long_files(package, 300)),
        Size("lines of the longest function", most, "<= 50", most <= 50, long_functions(package, 50)),
        Size("functions with Any in the signature, %", share, "< 4", share < 4, loose),
        Size("public names a thousand lines", 1000 * names / lines, "", True, []),
        Size(
            "... without the contract of kinds",
            density,
            f"<= {MAX_NAMES}",
            density <= MAX_NAMES,
            dense_folders(package),
        ),
        none("public names that several modules define", ambiguous_names(package)),
        none("imports of another module's _name", private_imports(package)),
        none("type: ignore[no-any-return]", lines_with(package, RETURNS_ANY)),
        none("TODO and FIXME", lines_with([*package, *tests], MARKS)),
        Size("lines of tests per line of the package", ratio, ">= 0.8", ratio >= 0.8, []),
        Size("modules without a test file of their name", len(bare), "", True, bare),
    ]


def main(checkout: Path) -> int:
    measured = sizes(checkout)
    width = max(len(size.name) for size in measured)
    for size in measured:
        state = "" if not size.goal else "met" if size.met else "MISSED"
        print(f"{size.name.ljust(width)}  {size.shown:>8}  {size.goal:<7} {state}".rstrip())
    missed = [size for size in measured if not size.met]
    for size in missed:
        print(f"\n{size.name}: {size.goal} is missed.", *size.offenders, sep="\n  ")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]))
