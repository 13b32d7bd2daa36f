from __future__ import annotations

import pytest

from pali3kit.config.tree import Node, parse
from pali3kit.errors import Problem


def read(text: str) -> object:
    problems: list[Problem] = []
    node = parse(text, "f.yaml", problems)
    assert node is not None
    assert not problems
    return node.plain()


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
    assert node.place_of("a") == "f.yaml:1"
    assert node.place_of("b.c") == "f.yaml:3"
    assert node.place_of("b.d") == "f.yaml:4"
    assert node.value["b"].value["d"].value[1].where == "f.yaml:6"
    assert node.place_of("b.missing.deeper") == "f.yaml:2"
    assert node.place_of("missing") == "f.yaml:1"


def test_dotted_keys_of_a_dictionary_are_found() -> None:
    node = parse("grid:\n  pretrain: [a]\n  model.projector: [b]\n", "f.yaml", [])
    assert node is not None
    assert node.place_of("grid.model.projector") == "f.yaml:3"


def test_anchors_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nmany: {<<: [*b, {x: 5, z: 6}]}\nsame: *b\n"
    assert read(text) == {
        "base": {"x": 1, "y": 2},
        "use": {"x": 1, "y": 3},
        "many": {"x": 1, "y": 2, "z": 6},
        "same": {"x": 1, "y": 2},
    }


ALL = "with anchors and interpolations expanded"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: duplicate key 'a', first at f.yaml:1."),
        ("a: [1\n", "f.yaml:2: not valid YAML: expected ',' or ']', but got '<stream end>': a bracket is not closed"),
        ("a: [1\nb: 2\n", "f.yaml:2: not valid YAML: expected ',' or ']', but got ':': the list that begins on this"
         " line or above is not closed"),
        ("a: 1\n\tb: 2\n", "f.yaml:2: not valid YAML: found character '\\t' that cannot start any token: indent with"
         " spaces, not with tabs"),
        ("a: b: c\n",
         "f.yaml:1: not valid YAML: mapping values are not allowed here: put a text that contains ': ' in quotes"),
        ("a: &x [*x]\n", "f.yaml:1: not valid YAML: an anchor contains itself"),
        ("a: !!python/name:os.system x\n", "f.yaml:1: not valid YAML: unknown tag "
         "tag:yaml.org,2002:python/name:os.system: a scalar is of !!null, !!bool, !!int, !!float, !!str"),
        ("a: 1\nb: !!set {c}\n", "f.yaml:2: not valid YAML: a mapping cannot have the tag tag:yaml.org,2002:set"),
        ("a: !!omap [b: 1]", "f.yaml:1: not valid YAML: a list cannot have the tag tag:yaml.org,2002:omap"),
        ("a: !local {b: 1}", "f.yaml:1: not valid YAML: a mapping cannot have the tag !local"),
        ("{? [1]: 3}", "f.yaml:1: not valid YAML: a key should be a text"),
        ("a:\n  !!bool maybe: 3", "f.yaml:2: not valid YAML: 'maybe' is no true or false"),
        ("a: 1\nb: \"\\0\"", "f.yaml:2: not valid YAML: the character 0x0000 is not allowed in a text"),
        ("a: \"\\ud800\"", "f.yaml:1: not valid YAML: the character 0xd800 is not allowed in a text"),
        ("\"\\u0007\": 1", "f.yaml:1: not valid YAML: the character 0x0007 is not allowed in a text"),
        ("a: \"\\UFFFFFFFF\"", "f.yaml:1: not valid YAML: no such character or version"),
        ("a:\n\x07", "f.yaml:2: not valid YAML: the character 0x0007 is not allowed"),
        ("a:\n" + "[" * 600, "f.yaml:2: not valid YAML: nested deeper than 32"),
        ("a: 1\nb: " + "{c: " * 600, "f.yaml:2: not valid YAML: nested deeper than 32"),
        ("a: " + "x" * 100_000, "f.yaml: longer than 100,000 characters: no experiment is."),
        (f"a: &a [{'x, ' * 4000}]\nb: [*a, *a, *a]", f"f.yaml:2: not valid YAML: more than 10,000 values, {ALL}"),
        (f"a: &a {'x' * 40_000}\nb: {{c: *a, d: *a, e: *a}}",
         f"f.yaml:2: not valid YAML: more than 100,000 characters, {ALL}"),
        ("\n".join(["a0: &a0 {x: 1}", *(f"a{i}: &a{i} {{p: *a{i - 1}, q: *a{i - 1}}}" for i in range(1, 60))]),
         f"f.yaml:13: not valid YAML: more than 10,000 values, {ALL}"),
        ("\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 60))]),
         "f.yaml:33: not valid YAML: nested deeper than 32"),
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
    node = Node.of(data, "here")
    assert isinstance(node, Node)
    assert node.plain() == data
    assert node.place_of("a") == "here"


def test_a_number_of_thousands_of_digits_is_a_problem() -> None:
    problems: list[Problem] = []
    assert parse(f"a: 1\nb: {'9' * 5000}", "f.yaml", problems) is None
    assert problems[0].where == "f.yaml:2" and "has more than 64 bits" in problems[0].text
