"""Whether a component exists is read from its source."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pali3kit.declared.absent import why_absent

Write = Callable[..., str]

THERE = {
    "a class": "class Gate: ...",
    "a function of any options": "def Gate(**options): ...",
    "another name": "def create(): ...\nGate = create",
    "a made one": "Gate = make()",
    "an import that may fail": "try:\n  from gone import Gate\nexcept ImportError:\n  Gate = None",
    "all of a module": "from gone import *",
    "in a with": "with it:\n  class Gate: ...",
    "one of two": "Gate, Other = make()",
    "what is asked of the module": "def __getattr__(name): ...",
    "what is put there": "globals()['Gate'] = 3",
}
ABSENT = {
    "class Gaet: ...": "module '{0}.gate' has no 'Gate'",
    "Gate = 3": "'Gate' is no class or function",
    "Gate = [make()]": "'Gate' is no class or function",
}


@pytest.mark.parametrize("name", THERE)
def test_it_may_exist(package: Write, name: str) -> None:
    plugin = package(gate=THERE[name])
    assert why_absent(f"{plugin}.gate:Gate") == "" and plugin not in sys.modules


@pytest.mark.parametrize("text", ABSENT)
def test_it_does_not_exist(package: Write, text: str) -> None:
    plugin = package(gate=text)
    assert why_absent(f"{plugin}.gate:Gate") == ABSENT[text].format(plugin) and plugin not in sys.modules


def test_invalid_python(package: Write) -> None:
    assert why_absent(f"{package(gate='class Gate(')}.gate:Gate").endswith("gate.py cannot be parsed as Python")


def test_no_module(package: Write) -> None:
    plugin = package(gate="")
    for name in ("no_such_package", "no_such_package.gate", f"{plugin}.gaet", f"{plugin}.gate.inner"):
        assert why_absent(f"{name}:Gate") == f"there is no module '{name}'"


def test_modules_without_a_source_are_not_checked(package: Write, tmp_path: Path) -> None:
    plugin = package(gate="")
    (tmp_path / plugin / "compiled.abi3.so").touch()
    for name in ("math", "os.path", "__main__", f"{plugin}.compiled"):
        assert why_absent(f"{name}:Gate") == "", name
