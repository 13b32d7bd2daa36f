"""The options of a class or function, from its source."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, fields
from typing import Any, Literal

import pytest

from pali3kit.declared.annotations import UNKNOWN_VALUE
from pali3kit.declared.options import read_options, same_target

Write = Callable[..., str]
Told = dict[str, tuple[Any, Any]]


def told(target: str, **how: Any) -> Told | None:
    """The type and default of each option, `...` where it is required."""
    kind = read_options(target, **how)
    if kind is None:
        return None
    defaults = {each.name: each.default_factory() if each.default_factory is not MISSING else each.default
                for each in fields(kind)}  # fmt: skip
    return {each.name: (each.type, ... if defaults[each.name] is MISSING else defaults[each.name])
            for each in fields(kind)}  # fmt: skip


GATE: Told = {"width": (int, ...), "gate": (float, 0.5)}
CASES = {
    "a function": ("def Gate(width: int, gate: float = 0.5): ...", GATE),
    "keyword-only": ("def Gate(width: int, *, gate: float = 0.5): ...", GATE),
    "further positions": ("def Gate(first, /, width: int, *rest, gate: float = 0.5): ...", GATE),
    "a class": ("class Gate:\n  def __init__(self, width: int, gate: float = 0.5): ...", GATE),
    "no constructor": ("class Gate: ...", {}),
    "a base in the file": (
        "class Base:\n  def __init__(self, width: int, gate: float = 0.5): ...\nclass Gate(Base): ...", GATE,
    ),
    "a base elsewhere": ("from .base import Base\nclass Gate(Base): ...", {"depth": (int, 2)}),
    "a base of that name": ("from .base import Base as Gate\nclass Gate(Gate): ...", {"depth": (int, 2)}),
    "the first base that has one": (
        "from .base import Base\nfrom typing import Generic, Protocol\n"
        "class Mixed: ...\nclass Gate(Mixed, Generic[int], Base, Protocol): ...", {"depth": (int, 2)},
    ),
    "a dataclass": (
        "from dataclasses import KW_ONLY, dataclass, field\nfrom typing import ClassVar\n@dataclass(frozen=True)\n"
        "class Gate:\n  width: int\n  KINDS: ClassVar[int] = 3\n  seen: int = field(init=False)\n  _: KW_ONLY\n"
        "  gate: float = field(default=0.5)\n  names: list[str] = field(default_factory=list)\n"
        "  made: int = field(default_factory=make)",
        {**GATE, "names": (list[str], []), "made": (int, UNKNOWN_VALUE)},
    ),
    "a dataclass of a dataclass": (
        "import dataclasses\n@dataclasses.dataclass\nclass Base:\n  width: int\n  gate: float = 1.0\n"
        "@dataclasses.dataclass\nclass Gate(Base):\n  gate: float = 0.5", GATE,
    ),
    "another name": ("def create(width: int, gate: float = 0.5): ...\nGate = create", GATE),
    "no annotations": ("def Gate(width, gate=0.5): ...", {"width": (Any, ...), "gate": (Any, 0.5)}),
    "what only running tells": ("def Gate(width: int = 1 << 4, gate=f()): ...",
                                {"width": (int, UNKNOWN_VALUE), "gate": (Any, UNKNOWN_VALUE)}),
    "lists": ("def Gate(names: list[str] = (), pair: tuple[int, int] = (1, 2), known: dict = {}): ...",
              {"names": (list[str], []), "pair": (Any, (1, 2)), "known": (dict[str, Any], {})}),
    "postponed": ("from __future__ import annotations\nfrom typing import TYPE_CHECKING\n"
                  "if TYPE_CHECKING:\n  from .base import Mode\ndef Gate(mode: Mode = 'soft'): ...",
                  {"mode": (Literal["soft", "hard"], "soft")}),
}  # fmt: skip
BASE = (
    "from typing import Literal\nMode = Literal['soft', 'hard']\nclass Base:\n  def __init__(self, depth: int = 2): ..."
)


@pytest.mark.parametrize("name", CASES)
def test_options(package: Write, name: str) -> None:
    text, expected = CASES[name]
    plugin = package(gate=text, base=BASE)
    assert told(f"{plugin}.gate:Gate") == expected
    assert plugin not in sys.modules


UNKNOWN = {
    "any options": "def Gate(width: int, **options): ...",
    "a made class": "Gate = make()",
    "a base that is not there": "from gone import Base\nclass Gate(Base): ...",
    "a base that is made": "class Gate(make()): ...",
    "a base that takes anything": "class Base:\n  def __init__(self, **all): ...\nclass Gate(Base): ...",
    "a base of itself": "class Gate(Gate): ...",
    "a decorator that adds a constructor": "import attrs\n@attrs.define\nclass Gate:\n  width: int",
    "made by __new__": "class Gate:\n  def __new__(cls, width): ...",
    "no such attribute": "",
    "no Python": "class Gate(",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_options(package: Write, name: str) -> None:
    assert read_options(f"{package(gate=UNKNOWN[name])}.gate:Gate") is None


def test_a_package_without_source_has_unknown_options() -> None:
    assert read_options("no_such_package:Gate") is None
    assert read_options("math:sqrt") is None
    assert read_options("__main__:Gate") is None


def test_what_the_program_gives_is_no_option(package: Write) -> None:
    plugin = package(gate="def Gate(name, image_size: int, gate: float = 0.5): ...")
    assert told(f"{plugin}.gate:Gate", family=True, given=("image_size", "vocabulary")) == {"gate": (float, 0.5)}


def test_the_first_argument_of_a_family_may_have_no_name(package: Write) -> None:
    plugin = package(gate="def Gate(name, /, image_size: int, gate: float = 0.5): ...")
    assert told(f"{plugin}.gate:Gate", family=True, given=("image_size",)) == {"gate": (float, 0.5)}


def test_they_are_a_dataclass_with_the_docstring(package: Write) -> None:
    text = "class Gate:\n  'Opens.'\n  def __init__(self, a: list[int] = []): ..."
    kind = read_options(f"{package(gate=text)}.gate:Gate")
    assert kind is not None and (kind.__name__, kind.__doc__) == ("Gate", "Opens.")
    assert kind().a == [] and kind().a is not kind().a
    with pytest.raises(FrozenInstanceError):
        kind().a = [1]


def test_a_re_export_is_the_same_target(package: Write) -> None:
    plugin = package(__init__="from .gate import Gate", gate="class Gate: ...\nclass Other: ...")
    assert same_target(f"{plugin}:Gate", f"{plugin}.gate:Gate")
    assert not same_target(f"{plugin}:Gate", f"{plugin}.gate:Other")
    assert same_target("gone:Gate", "gone:Gate") and not same_target("gone:Gate", "gone:Other")
