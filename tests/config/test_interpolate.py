from __future__ import annotations

import pytest

from pali3kit.config.interpolate import interpolate
from pali3kit.config.tree import MOST_CHARACTERS, MOST_VALUES, Node
from pali3kit.errors import Problem


def resolved(data: object) -> tuple[object, list[str]]:
    problems: list[Problem] = []
    tree = interpolate(Node.of(data, "f.yaml:2"), problems)
    return tree.plain(), [problem.text for problem in problems]


def test_resolves_within_mappings_and_lists_and_keeps_places() -> None:
    data = {"a": {"b": 3}, "c": ["${a.b}", "x"], "d": "${a}", "e": "${a.b} px"}
    node = Node.of(data, "base")
    node = Node({**node.value, "f": Node.of("${c}", "elsewhere")}, "base")
    tree = interpolate(node, [])
    assert tree.plain() == {"a": {"b": 3}, "c": [3, "x"], "d": {"b": 3}, "e": "3 px", "f": [3, "x"]}
    assert tree.place_of("f") == "elsewhere"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${a.b[1]}", 5), ("${a.b.0}", 4), ("${.x}", "near"), ("${..top}", True),
        ("is ${..top}, ${none}", "is True, None"), ("\\${a.b}", "${a.b}"), ("\\${${.x}}", "${near}"), ("$5", "$5"),
        ("${via.near}", 7), ("${literal}!", "${x}!"), ("${ a.near }", 7),
    ],
)  # fmt: skip
def test_keys_are_spelled_as_omegaconfs(text: str, value: object) -> None:
    data = {"a": {"b": [4, 5], "near": 7}, "s": {"x": "near", "y": text}, "top": True, "none": None}
    tree, problems = resolved({**data, "via": "${a}", "literal": "\\${x}"})
    assert isinstance(tree, dict) and problems == []
    assert tree["s"]["y"] == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("${no.such}", "a.b: there is no key 'no.such'. Choose from a, c."),
        ("${a.bb}", "a.b: there is no key 'a.bb'. Did you mean 'b'?"),
        ("${a.b}", "a.b: it refers to itself"),
        ("${a}", "a.b: it refers to itself"),
        ("${}", "a.b: '${}' names no key"),
        ("${..}", "a.b: '${..}' names no key"),
        ("${c", "a.b: a '${' needs a key and its '}', with no other '${' between them"),
        ("c}${", "a.b: a '${' needs a key and its '}', with no other '${' between them"),
        ("${a.${c.0}}", "a.b: a '${' needs a key and its '}', with no other '${' between them"),
        ("x ${c}", "a.b: 'c' is a list, which cannot be part of a text"),
        ("${c.0.x}", "a.b: there is no key 'c.0.x'."),
        ("${c[9]}", "a.b: there is no key 'c[9]'. Choose from 0."),
    ],
)
def test_a_failure_is_a_problem_at_its_place(value: str, text: str) -> None:
    problems: list[Problem] = []
    tree = interpolate(Node.of({"a": {"b": value}, "c": [1]}, "f.yaml:2"), problems)
    assert [str(problem) for problem in problems] == [f"f.yaml:2: {text}"]
    assert tree.plain() == {"a": {}, "c": [1]}, "what can be resolved is there"


@pytest.mark.parametrize(
    "name", ["oc.env:HOME", "oc.env:NOTHING,x", "oc.decode:'1'", "oc.create:{a: 1}", "foo:bar", ":"]
)
def test_no_resolver_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment would be copied into configurations, artifacts and reports."""
    monkeypatch.setenv("HOME", "secret")
    tree, problems = resolved({"a": f"${{{name}}}"})
    assert "secret" not in f"{tree}{problems}"
    assert len(problems) == 1 and ("resolvers such as oc.env are not supported" in problems[0] or "{" in name)


def test_a_tree_without_any_is_returned_as_it_is() -> None:
    node = Node.of({"a": 1, "b": ["$", "{}"]}, "here")
    assert interpolate(node, []) is node


@pytest.mark.parametrize(
    ("first", "next_"),
    [("xxxxxxxxx", "${%s}${%s}"), (["x", "x"], ["${%s}", "${%s}"]), ({"x": 1}, {"p": "${%s}", "q": "${%s}"})],
)
def test_bombs_are_told_where_they_go_off(first: object, next_: object) -> None:
    def step(i: int) -> object:
        name = f"b{i - 1}"
        if isinstance(next_, str):
            return next_ % (name, name)
        if isinstance(next_, list):
            return [each % name for each in next_]
        assert isinstance(next_, dict)
        return {key: value % name for key, value in next_.items()}

    _, problems = resolved({"b0": first, **{f"b{i}": step(i) for i in range(1, 60)}})
    assert "expands to more than" in problems[0] or "the experiment is more than" in problems[0]


def test_the_whole_is_bounded() -> None:
    tree, problems = resolved({"a": ["x"] * 900, **{f"b{i}": "${a}" for i in range(MOST_VALUES // 900 + 1)}})
    told = f"more than {MOST_VALUES:,} values, with anchors and interpolations expanded"
    assert (tree, problems) == ({}, [f"the experiment is {told}."])
    _, problems = resolved({"a": "x" * (MOST_CHARACTERS // 2), "b": "${a}", "c": "${a}"})
    assert len(problems) == 1 and f"more than {MOST_CHARACTERS:,} characters" in problems[0]


def test_chains_and_rings() -> None:
    forwards = {f"b{i}": f"${{b{i + 1}}}" for i in range(100)} | {"b100": 1}
    assert "b0: a chain of more than 32 interpolations" in resolved(forwards)[1]
    backwards = {"b0": 1, **{f"b{i}": f"${{b{i - 1}}}" for i in range(1, 31)}}
    assert resolved(backwards) == (dict.fromkeys(backwards, 1), [])
    longer = {**backwards, "b31": "${b30}", "b32": "${b31}", "b33": "${b32}"}
    assert any("nested deeper than 32" in text for text in resolved(longer)[1])
    assert "more than 500 interpolations" in resolved({f"b{i}": "${b}${b}" for i in range(251)} | {"b": 1})[1][0]
    nested = {"b0": 1, **{f"b{i}": [[f"${{b{i - 1}}}"]] for i in range(1, 100)}}
    assert any("nested deeper than 32" in text for text in resolved(nested)[1])
    assert resolved({"p": "${q}", "q": "${p}"})[1] == ["p: it refers to itself", "q: it refers to itself"]


@pytest.mark.parametrize(
    "data", [{"a": "${a.b}"}, {"a": "${b.x}", "b": "${a.x}"}, {"a": "${.a.b}"}, {"s": {"a": "${..s.a.b}"}}]
)
def test_a_way_that_leads_through_itself_is_told(data: object) -> None:
    assert "it refers to itself" in resolved(data)[1][0]


def test_ways_through_ways_are_bounded() -> None:
    """Each name of a level is reached through all names of the next: unbounded, a level takes five times the last."""
    levels, many = 12, 6
    data: dict[str, object] = {f"r{levels}x0": "${M}"}
    data["M"] = {f"g{level}x{j}": f"${{r{level}x{j + 1}}}" for level in range(levels) for j in range(many)}
    for level in range(levels):
        data |= {f"r{level}x{j}": f"${{r{level + 1}x0.g{level}x{j}}}" for j in range(many)}
        data[f"r{level}x{many}"] = "${M}"
    problems = resolved({**data, "top": "${r0x0.z}"})[1]
    assert "top: it refers to itself, or through too many other values" in problems
