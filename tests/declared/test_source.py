"""Modules are found and read without importing anything."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable

import pytest

from pali3kit.declared.source import Target, find_definition, find_target, locate, read_module

Write = Callable[..., str]


def test_finds_a_module_without_importing_its_package(package: Write) -> None:
    name = package(gate="class Gate: ...")
    place = locate(f"{name}.gate")
    assert place is not None and place.file is not None and place.file.name == "gate.py"
    found = find_target(f"{name}.gate.Gate")
    assert found is not None and found.module.name == f"{name}.gate"
    assert name not in sys.modules


@pytest.mark.parametrize(
    "name", ["no_such_package", "no_such_package.module", "sys", "math", "json.no_such", "", "a..b"]
)
def test_modules_without_source_are_not_found(name: str) -> None:
    assert read_module(name) is None
    assert find_definition(f"{name}.Thing") is None


@pytest.mark.parametrize(
    "top",
    ["from .gate import Gate", "from .gate import Gate as Gate", "from .gate import Other as Gate",
     "from . import gate\nGate = gate.Gate", "if True:\n    from .gate import Gate",
     "try:\n    from .gate import Gate\nexcept ImportError:\n    Gate = None"],
)  # fmt: skip
def test_follows_re_exports(package: Write, top: str) -> None:
    name = package(__init__=top, gate="class Gate: ...\nOther = Gate")
    found = find_target(f"{name}.Gate")
    assert found is not None
    assert isinstance(found.node, ast.ClassDef) and found.module.name == f"{name}.gate"


def test_follows_relative_imports_from_above(package: Write) -> None:
    name = package(gate="WIDTH = 3", inner__in__="", inner__in__deep="from ..gate import WIDTH")
    found = find_definition(f"{name}.inner.deep.WIDTH")
    assert found is not None and isinstance(found.node, ast.Constant) and found.node.value == 3


@pytest.mark.parametrize(
    "text", ["Gate = make()", "from gone import Gate", "Gate = Gate", "from . import Gate", "def ("]
)
def test_unresolvable_names_are_not_found(package: Write, text: str) -> None:
    found = find_target(f"{package(__init__=text)}.Gate")
    assert found is None or not isinstance(found.node, Target)
