"""Types and defaults from source: known forms, and Any or nothing for all others."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Literal

import pytest

from pali3kit.config.component import Component
from pali3kit.declared.annotations import UNKNOWN_VALUE, type_of, value_of
from pali3kit.declared.source import Module, read_module

SOURCE = """
import typing
import typing as t
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Dict, List, Literal, Optional, Union

from pali3kit.config.kinds import PlainComponent
from pali3kit.config.component import Component
from pali3kit.data.annotated import WORDS
from pali3kit.projector.positions import Positions

Mode = Literal["soft", "hard"]
Width: t.TypeAlias = "int | None"
COUNT = 3
AGAIN = COUNT
CIRCLE = CIRCLE
SUM = COUNT + 1
"""


@pytest.fixture
def module(package: Callable[..., str]) -> Module:
    found = read_module(f"{package(some=SOURCE)}.some")
    assert found is not None
    return found


def node(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("int", int),
        ("float", float),
        ("str", str),
        ("bool", bool),
        ("None", type(None)),
        ("int | None", int | None),
        ("'int | None'", int | None),
        ("int | float | str", int | float | str),
        ("Optional[str]", str | None),
        ("t.Optional[str]", str | None),
        ("typing.Union[int, str, None]", int | str | None),
        ("Literal['a', 'b']", Literal["a", "b"]),
        ("Literal[1, None]", Literal[1, None]),
        ("Literal['a'] | None", Literal["a"] | None),
        ("Mode", Literal["soft", "hard"]),
        ("Positions", Literal["none", "sine2d"]),
        ("Width", int | None),
        ("list", list[Any]),
        ("list[str]", list[str]),
        ("List[float]", list[float]),
        ("Sequence[str]", list[str]),
        ("Sequence[int] | None", list[int] | None),
        ("list[Mode]", list[Literal["soft", "hard"]]),
        ("dict", dict[str, Any]),
        ("Dict[str, int]", dict[str, int]),
        ("Mapping[str, list[int]]", dict[str, list[int]]),
        ("Component", Component),
        ("Mapping[str, PlainComponent]", dict[str, Component]),
        ("Annotated[int, 'more than none']", int),
        ("Annotated[Mapping[str, Any], Component]", Component),
    ],
)
def test_understood(module: Module, text: str, kind: Any) -> None:
    assert type_of(module, node(text)) == kind


@pytest.mark.parametrize(
    "text",
    ["Any", "Path", "object", "Unknown", "int | Path", "list[int] | str", "None | list[int] | int", "tuple[int, int]",
     "Mapping[int, str]", "list[int, str]", "Literal[Unknown]", "f(int)", "int & str", "'not ( python'", "CIRCLE",
     "Sequence[str] | Literal['all']"],
)  # fmt: skip
def test_not_understood_is_any(module: Module, text: str) -> None:
    assert type_of(module, node(text)) is Any


def test_no_annotation_is_any(module: Module) -> None:
    assert type_of(module, None) is Any


@pytest.mark.parametrize(
    ("text", "value"),
    [("-1", -1), ("0.5", 0.5), ("None", None), ("('a', 2)", ("a", 2)), ("{'a': [1]}", {"a": [1]}), ("COUNT", 3),
     ("AGAIN", 3), ("WORDS", 64)],
)  # fmt: skip
def test_values(module: Module, text: str, value: object) -> None:
    assert value_of(module, node(text)) == value


@pytest.mark.parametrize("text", ["f(1)", "SUM", "CIRCLE", "Unknown", "Mode.SOFT", "1 << 20", "float('inf')"])
def test_values_that_are_not_literals(module: Module, text: str) -> None:
    assert value_of(module, node(text)) is UNKNOWN_VALUE
    assert repr(UNKNOWN_VALUE) == "..."
