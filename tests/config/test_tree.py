from __future__ import annotations

import pytest

from pali3kit.config.tree import Node, find, parse, plain, plant
from pali3kit.errors import Problem


def read(text: str) -> object:
    problems: list[Problem] = []
    node = parse(text, "f.yaml", problems)
    assert node is not None
    assert not problems
    return plain(node)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-3", 3e-3), ("3.0e-3", 3e-3), ("1E5", 1e5), (".5", 0.5), ("1.", 1.0), ("-2", -2), ("30_000", 30000),
        ("no", "no"), ("on", "on"), ("yes", "yes"), ("true", True), ("false", False), ("null", None), ("~", None),
        ("1:30", "1:30"), ("012", "012"), ("2020-01-01", "2020-01-01"), (".nan", ".nan"), (".inf", ".inf"),
        ("'3'", "3"), ("", {}), ("[1, a]", [1, "a"]),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = read(text)
    assert found == value
    assert type(found) is type(value)


def test_each_key_knows_its_line() -> None:
    node = parse("a: 1\nb:\n  c: 2\n  d:\n    - 3\n    - 4\n", "f.yaml", [])
    assert node is not None
    assert find(node, "a") == "f.yaml:1"
    assert find(node, "b.c") == "f.yaml:3"
    assert find(node, "b.d") == "f.yaml:4"
    assert node.value["b"].value["d"].value[1].where == "f.yaml:6"
    assert find(node, "b.missing.deeper") == "f.yaml:2"
    assert find(node, "missing") == "f.yaml:1"


def test_dotted_keys_of_a_dictionary_are_found() -> None:
    node = parse("grid:\n  pretrain: [a]\n  model.projector: [b]\n", "f.yaml", [])
    assert node is not None
    assert find(node, "grid.model.projector") == "f.yaml:3"


def test_anchors_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nmany: {<<: [*b, {x: 5, z: 6}]}\nsame: *b\n"
    assert read(text) == {
        "base": {"x": 1, "y": 2},
        "use": {"x": 1, "y": 3},
        "many": {"x": 1, "y": 2, "z": 6},
        "same": {"x": 1, "y": 2},
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: key 'a' stands here twice, first at f.yaml:1."),
        ("a: [1\n", "f.yaml:2: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: &x [*x]\n", "f.yaml:1: not valid YAML: an anchor contains itself"),
        ("a: !!python/name:os.system x\n", "f.yaml:1: not valid YAML: could not determine a constructor for the tag "
         "'tag:yaml.org,2002:python/name:os.system'"),
        ("a: {<<: 3}\n", "f.yaml:1: not valid YAML: << needs a mapping"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2: not valid YAML: but found another document"),
    ],
)  # fmt: skip
def test_bad_yaml(text: str, problem: str) -> None:
    problems: list[Problem] = []
    parse(text, "f.yaml", problems)
    assert [str(found) for found in problems] == [problem]


def test_plant_and_plain_are_inverse() -> None:
    data = {"a": [1, {"b": None}], "c": "x"}
    node = plant(data, "here")
    assert isinstance(node, Node)
    assert plain(node) == data
    assert find(node, "a") == "here"


def test_a_number_of_thousands_of_digits_is_a_problem() -> None:
    problems: list[Problem] = []
    assert parse(f"a: 1\nb: {'9' * 5000}", "f.yaml", problems) is None
    assert problems[0].where == "f.yaml:2" and "not valid YAML: Exceeds the limit" in problems[0].text
