from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from pali3kit.config.component import Component
from pali3kit.config.tree import Node
from pali3kit.config.typed import REFUSED, Builder
from pali3kit.declared.annotations import UNKNOWN_VALUE
from pali3kit.declared.entry import RegistryEntry
from pali3kit.registry import PROJECTOR, VISION


@dataclass(kw_only=True)
class Inner:
    size: int
    ratio: float = 0.5


@dataclass(kw_only=True)
class Outer:
    inner: Inner
    words: list[str] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    mode: Literal["a", "b"] = "a"
    maybe: int | None = None
    free: Any = None


def build(data: Any, complete: bool = True) -> tuple[Any, list[str], set[str]]:
    builder = Builder(complete=complete)
    value = builder.build(Outer, Node.of(data, "f:1"), "")
    return value, [problem.text for problem in builder.problems], builder.refused


def test_builds_nested_values_and_fills_in_defaults() -> None:
    data = {"inner": {"size": 2}, "words": ["x"], "weights": {"a": 1}, "mode": "b", "maybe": 3, "free": [1, {"k": "v"}]}
    value, problems, _ = build(data)
    assert not problems
    assert value == Outer(
        inner=Inner(size=2, ratio=0.5), words=["x"], weights={"a": 1.0}, mode="b", maybe=3, free=[1, {"k": "v"}]
    )


@pytest.mark.parametrize(
    ("change", "text", "key"),
    [
        ({"inner": {"size": 2.0}}, "inner.size should be an integer, not the number 2.0.", "inner.size"),
        ({"inner": {"size": True}}, "inner.size should be an integer, not true.", "inner.size"),
        ({"inner": {"size": 1, "ratio": "x"}}, "inner.ratio should be a number, not the text 'x'.", "inner.ratio"),
        ({"inner": {"size": 1, "ratoi": 1}}, "unknown key 'inner.ratoi'. Did you mean 'ratio'?", "inner.ratoi"),
        ({"inner": {}}, "missing key 'inner.size': it needs an integer.", "inner.size"),
        ({"inner": 3}, "inner should be a mapping, not the number 3.", "inner"),
        ({"words": ["a", 1]}, "words[1] should be a text, not the number 1.", "words[1]"),
        ({"words": {"a": 1}}, "words should be a list, not a mapping.", "words"),
        ({"weights": [1]}, "weights should be a mapping, not a list.", "weights"),
        ({"mode": "c"}, "mode cannot be 'c'. Choose from a, b.", "mode"),
        ({"maybe": "x"}, "maybe should be an integer or nothing, not the text 'x'.", "maybe"),
    ],
)
def test_each_problem_has_its_text_and_its_key(change: dict[str, Any], text: str, key: str) -> None:
    value, problems, refused = build({"inner": {"size": 1}, **change})
    assert problems == [text]
    assert refused == {key}
    assert isinstance(value, Outer)


def test_what_is_missing_is_not_reported_where_a_layer_is_missing() -> None:
    value, problems, refused = build({}, complete=False)
    assert (problems, refused) == ([], {"inner"})
    assert value.inner is REFUSED


def test_a_part_gets_the_defaults_of_its_options() -> None:
    builder = Builder()
    part = builder.build(Component, Node.of("linear", "f:1"), "model.projector")
    assert part == Component(name="linear", options={"positions": "none", "frame_positions": "none"})
    assert not builder.problems


def test_a_part_without_declared_options_takes_any(monkeypatch: pytest.MonkeyPatch) -> None:
    VISION.names()
    entries = VISION._entries
    monkeypatch.setitem(entries, "timm/", type(entries["vit"])("timm/", "timm:create_model"))
    part = Builder().build(Component, Node.of({"name": "timm/vit_tiny", "drop": 0.1}, "f:1"), "model.vision")
    assert part == Component(name="timm/vit_tiny", options={"drop": 0.1})


@dataclass(kw_only=True)
class Options:
    mode: Literal["soft", "hard"] | None = None
    sizes: list[int] | None = None
    made: Any = UNKNOWN_VALUE


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A projector of that name with those options."""
    monkeypatch.setattr(RegistryEntry, "options", Options)
    monkeypatch.setitem(PROJECTOR._entries, "gate", RegistryEntry("gate", "gates:Gate"))


def told(options: dict[str, Any]) -> tuple[Any, list[str]]:
    builder = Builder()
    part = builder.build(Component, Node.of({"name": "gate", **options}, "f:1"), "model.projector")
    return part.options, [problem.text for problem in builder.problems]


@pytest.mark.usefixtures("gate")
def test_a_choice_or_a_list_may_also_be_nothing() -> None:
    assert told({}) == ({"mode": None, "sizes": None}, [])
    assert told({"mode": None, "sizes": None}) == ({"mode": None, "sizes": None}, [])
    assert told({"mode": "hard", "sizes": [1]}) == ({"mode": "hard", "sizes": [1]}, [])
    assert told({"mode": "loud", "sizes": 3})[1] == [
        "model.projector.mode cannot be 'loud'. Choose from hard, soft.",
        "model.projector.sizes should be a list, not the number 3: write [3].",
    ]


@pytest.mark.usefixtures("gate")
def test_a_default_that_the_source_does_not_tell_is_left_out() -> None:
    assert told({"made": 3})[0]["made"] == 3
    assert "made" not in told({})[0]


@dataclass(kw_only=True)
class Sizes:
    sizes: tuple[int, ...] = (1, 2)
    maybe: tuple[float, ...] | None = None


def test_a_tuple_is_written_as_a_list() -> None:
    builder = Builder()
    assert builder.build(Sizes, Node.of({"sizes": [3, 4, 5], "maybe": [1]}, "x"), "at") == Sizes(
        sizes=(3, 4, 5), maybe=(1.0,)
    )
    assert builder.build(Sizes, Node.of({}, "x"), "at") == Sizes() and not builder.problems
    builder.build(Sizes, Node.of({"sizes": 3, "maybe": ["a"]}, "x"), "at")
    assert [problem.text for problem in builder.problems] == [
        "at.sizes should be a list, not the number 3: write [3].",
        "at.maybe[0] should be a number, not the text 'a'.",
    ]
