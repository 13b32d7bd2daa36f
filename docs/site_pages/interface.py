"""The pages of the Python interface: the names that `pali3kit` offers, grouped by the package that they are from."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from importlib import import_module
from inspect import isfunction, ismodule
from pathlib import Path
from typing import Any

import pali3kit

ALIAS = re.compile(r"TypeAliasForwardRef\('(\w+)'\)")
"""How Sphinx writes a name of `autodoc_type_aliases` within another type."""
HEAD = """\
# Python

`import pali3kit as pk` is fast: each name is imported when it is first used. These are all that are
public; each links to its source.

```{toctree}
:maxdepth: 1

"""


def named_aliases(*event: Any) -> tuple[str | None, str | None]:
    """Handle `autodoc-process-signature`: an alias within a type is written by its name alone."""
    arguments, result = (text and ALIAS.sub(r"\1", text) for text in event[-2:])
    return arguments, result


def pages(docs: Path) -> dict[str, str]:
    """A page for each package, and their index."""
    groups: dict[str, list[str]] = defaultdict(list)
    for package, directive in sorted(_directives(docs.parent / "pali3kit" / "__init__.py")):
        groups[package].append(directive)
    found = {f"reference/python/{package}.md": _page(package, each) for package, each in groups.items()}
    return {**found, "reference/python/index.md": HEAD + "\n".join(sorted(groups)) + "\n```\n"}


def _directives(file: Path) -> list[tuple[str, str]]:
    """The package and the directive of each public name.

    The imports for type checkers name all that is public, with the classes that `create_*` return, and their modules.
    """
    found = [
        ("components", f".. autofunction:: pali3kit.{name}")
        for name in pali3kit.__all__
        if isfunction(vars(pali3kit).get(name))  # not a module that something has imported before
    ]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("pali3kit"):
            found += [_directive(node.module, each.name, each.asname or each.name) for each in node.names]
    return [each for each in found if each[1]]


def _directive(module: str, name: str, public: str) -> tuple[str, str]:
    path = f"pali3kit.{public}" if public in pali3kit.__all__ else f"{module}.{name}"
    target = getattr(import_module(module), name)
    package = f"{module}.{name}".split(".")[1]
    if ismodule(target):
        kept = public in pali3kit.__all__  # `registry`, which this module itself uses, is not
        return package, f".. automodule:: {module}.{name}\n   :members:\n   :imported-members:" if kept else ""
    options = "\n   :members:\n   :show-inheritance:" if isinstance(target, type) else ""
    return package, f".. auto{'class' if isinstance(target, type) else 'function'}:: {path}{options}"


def _page(package: str, directives: list[str]) -> str:
    body = "\n\n".join(directives)
    return f"# {package}\n\n```{{eval-rst}}\n{body}\n```\n"
