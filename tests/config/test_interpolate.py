from __future__ import annotations

from pali3kit.config.interpolate import interpolate
from pali3kit.config.tree import Node, find, plain, plant
from pali3kit.errors import Problem


def test_resolves_within_mappings_and_lists_and_keeps_places() -> None:
    data = {"a": {"b": 3}, "c": ["${a.b}", "x"], "d": "${a}", "e": "${a.b} px"}
    node = plant(data, "base")
    node = Node({**node.value, "f": plant("${c}", "elsewhere")}, "base")
    resolved = interpolate(node, [])
    assert plain(resolved) == {"a": {"b": 3}, "c": [3, "x"], "d": {"b": 3}, "e": "3 px", "f": [3, "x"]}
    assert find(resolved, "f") == "elsewhere"


def test_a_failure_is_a_problem_at_its_place() -> None:
    problems: list[Problem] = []
    interpolate(plant({"a": {"b": "${no.such}"}}, "f.yaml:2"), problems)
    assert [str(problem) for problem in problems] == ["f.yaml:2: a.b: Interpolation key 'no.such' not found"]


def test_a_tree_without_any_is_returned_as_it_is() -> None:
    node = plant({"a": 1}, "here")
    assert interpolate(node, []) is node


def test_what_cannot_be_read_is_a_problem_at_its_place() -> None:
    problems: list[Problem] = []
    node = Node(
        {"a": plant("${b}", "f.yaml:1"), "b": plant(1, "f.yaml:2"), "c": plant(["x", "${"], "f.yaml:3")}, "f.yaml"
    )
    assert interpolate(node, problems) is node
    (problem,) = problems
    assert problem.where == "f.yaml:3" and "${" not in problem.where and problem.text
