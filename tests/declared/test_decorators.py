"""Components are found by their decorators, without importing anything."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from pali3kit.declared.decorators import arguments_of, scan
from pali3kit.errors import RegistryError

Write = Callable[..., str]
HEAD = "from pali3kit import registry\nfrom pali3kit.registry import PROJECTOR\n"


def test_scans_a_package(package: Write) -> None:
    room = package(
        gate=HEAD + '@PROJECTOR.register("gate", "opens", given=("a",))\nclass Gate: ...\nclass Other: ...',
        more=HEAD + '@other\n@registry.PROJECTOR.register(\n  "more", summary="twice"\n)\n'
        '@PROJECTOR.register("again")\ndef more(): ...',
        none="TEXT = 'PROJECTOR.register('",
        other="@SOME_PROJECTOR.register('other')\nclass Other: ...",
        inner__in__deeper=HEAD + '@PROJECTOR.register("deeper")\nclass Deeper: ...',
    )
    assert list(scan([room], "PROJECTOR.register")) == [
        (f"{room}.gate:Gate", {"name": "gate", "summary": "opens", "given": ("a",)}),
        (f"{room}.more:more", {"name": "more", "summary": "twice"}),
        (f"{room}.more:more", {"name": "again"}),
    ]
    assert room not in sys.modules


def test_a_missing_package_is_empty() -> None:
    assert list(scan(["no_such_room"], "PROJECTOR.register")) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + '@PROJECTOR.register(f"{1}")\nclass Gate: ...',
         r"gate\.py:3: the arguments of a component's decorator must be literals\."),
        ("@PROJECTOR.register(", r"gate\.py declares components, but cannot be parsed as Python\."),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_read(package: Write, text: str, message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        list(scan([package(gate=text)], "PROJECTOR.register"))


def test_what_a_plug_in_is_declared_with_is_read_where_it_stands(package: Write) -> None:
    name = package(
        __init__="from .gate import Gate",
        gate=HEAD
        + '@PROJECTOR.register("other")\n@PROJECTOR.register("gate", "opens")\nclass Gate: ...\ndef plain(): ...',
    )
    assert arguments_of("gate", f"{name}:Gate", "PROJECTOR.register") == {"name": "gate", "summary": "opens"}
    with pytest.raises(RegistryError, match=r"^it is declared as 'other' and 'gate', not as 'third'\.$"):
        arguments_of("third", f"{name}:Gate", "PROJECTOR.register")
    assert arguments_of("plain", f"{name}.gate:plain", "PROJECTOR.register") == {}
    assert arguments_of("gate", "no_such_package:Gate", "PROJECTOR.register") == {}
    assert name not in sys.modules
