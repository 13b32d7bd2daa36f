"""YAML as a tree whose nodes know their file and line.

Scalars follow YAML 1.2's core schema (`scalars`). Anchors that refer to anchors can expand a few lines into billions of
values, so the expanded size is bounded, as are nesting and length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pali3kit.config.scalars import PATTERNS, TAG, parse_scalar
from pali3kit.errors import Problem

MOST_CHARACTERS = 100_000  # of a file, and of all its texts once anchors and interpolations are expanded
MOST_VALUES = 10_000
MOST_DEPTH = 32
COMMAND_LINE = "command line: "
"""Begins the place of the nodes of an override."""
ITEM = re.compile(r"(.*)\[([0-9]{1,6})\]")  # `steps[0]`


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a `dict[str, Node]` or a `list[Node]`, and its place: `file:line` or the text of the override."""

    value: Any
    where: str

    @staticmethod
    def of(value: object, where: str) -> Node:
        """Turn plain Python data into a tree, all of it at one place."""
        if isinstance(value, Mapping):
            return Node({str(key): Node.of(child, where) for key, child in value.items()}, where)
        if isinstance(value, list | tuple):
            return Node([Node.of(child, where) for child in value], where)
        return Node(value, where)

    def plain(self) -> object:
        """Turn the tree back into plain Python data."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def at(self, *keys: str) -> Node | None:
        """Return the node below some keys of nested mappings; None where there is none."""
        node = self
        for key in keys:
            if not isinstance(node.value, dict) or key not in node.value:
                return None
            node = node.value[key]
        return node

    def put(self, keys: Sequence[str], value: Node) -> None:
        """Put a node below some keys of nested mappings, which are made where there are none."""
        node, (*above, last) = self, keys
        for key in above:
            node = node.value.setdefault(key, Node({}, value.where))
        node.value[last] = value

    def place_of(self, key: str) -> str:
        """Return the place of the dotted `key`, or of the nearest mapping above it that the tree has."""
        head, _, rest = key.partition(".")
        if isinstance(self.value, dict):
            if key in self.value:
                return str(self.value[key].where)
            if (indexed := ITEM.fullmatch(head)) and indexed[1] in self.value:
                items = self.value[indexed[1]].value
                if isinstance(items, list) and int(indexed[2]) < len(items):
                    item: Node = items[int(indexed[2])]
                    return item.place_of(rest) if rest else item.where
            if head in self.value:
                below: Node = self.value[head]
                return below.place_of(rest) if rest else below.where
        return self.where


_HINTS = {
    "found character '\\t'": ": indent with spaces, not with tabs",
    "mapping values are not allowed here": ": put a text that contains ': ' in quotes",
    "but got '<stream end>'": ": a bracket is not closed",
    "expected ',' or ']', but got ':'": ": the list that begins on this line or above is not closed",
}
"""What helps against the commonest mistakes, by a part of PyYAML's messages."""


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's types of plain scalars and a bound on nesting."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own class attribute)
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MOST_DEPTH}", self.get_mark())
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


for _tag, (_pattern, _first) in PATTERNS.items():
    _Loader.add_implicit_resolver(TAG + _tag, _pattern, _first)


def parse(text: str, source: str, problems: list[Problem], override: bool = False) -> Node | None:
    """Read the YAML `text` of the file `source`; return None when it is not valid, with the reason in `problems`.

    With `override`, the text is a value of the command line, and `source` is the place of all its nodes.
    """
    if len(text) > MOST_CHARACTERS:
        problems.append(Problem(source, f"longer than {MOST_CHARACTERS:,} characters: no experiment is."))
        return None
    line: int | None = None
    try:
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        except (ValueError, OverflowError) as error:  # "\UFFFFFFFF", %YAML with a version of thousands of digits
            raise yaml.scanner.ScannerError(None, None, "no such character or version", loader.get_mark()) from error
        return _Converter(source, problems, override).convert(root) if root else Node({}, source)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position)
        reason = f"the character {ord(text[error.position]):#06x} is not allowed"
    except yaml.YAMLError as error:
        line = error.problem_mark.line if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark else None
        reason = str(getattr(error, "problem", None) or error)
        reason += next((hint for words, hint in _HINTS.items() if words in reason), "")
    where = source if override or line is None else f"{source}:{line + 1}"
    problems.append(Problem(where, f"not valid YAML: {reason}"))
    return None


@dataclass(frozen=True, slots=True)
class Extent:
    """The expanded size of a tree: number of values, characters of its texts and keys, depth of nesting."""

    values: int
    characters: int
    depth: int

    @staticmethod
    def of(value: object, known: dict[int, Extent]) -> Extent:
        """Measure a node's value; `known` keeps, by identity, the extents of mappings and lists that are alive."""
        if not isinstance(value, dict | list):
            return Extent(1, len(value) if isinstance(value, str) else 1, 0)
        if id(value) not in known:
            children = value.values() if isinstance(value, dict) else value
            keys = sum(map(len, value)) if isinstance(value, dict) else 0
            known[id(value)] = Extent.around([Extent.of(child.value, known) for child in children], keys)
        return known[id(value)]

    @staticmethod
    def around(inner: Sequence[Extent], keys: int) -> Extent:
        """The extent of a mapping or list of values of these extents; `keys` counts the characters of its keys."""
        return Extent(
            1 + sum(each.values for each in inner),
            keys + sum(each.characters for each in inner),
            1 + max((each.depth for each in inner), default=0),
        )

    @property
    def excess(self) -> str:
        """Which bound is exceeded, in words; "" if none is."""
        if self.values > MOST_VALUES:
            return f"more than {MOST_VALUES:,} values, with anchors and interpolations expanded"
        if self.characters > MOST_CHARACTERS:
            return f"more than {MOST_CHARACTERS:,} characters, with anchors and interpolations expanded"
        return f"nested deeper than {MOST_DEPTH}" if self.depth > MOST_DEPTH else ""


class _Converter:
    """Turns PyYAML's nodes into ours; the value of an anchor is converted once and shared."""

    def __init__(self, source: str, problems: list[Problem], override: bool) -> None:
        self.source, self.problems, self.override = source, problems, override
        self.done: dict[int, Node | None] = {}
        self.extents: dict[int, Extent] = {}

    def where(self, node: yaml.Node) -> str:
        return self.source if self.override else f"{self.source}:{node.start_mark.line + 1}"

    def convert(self, node: yaml.Node) -> Node:
        if id(node) not in self.done:
            self.done[id(node)] = None
            self.done[id(node)] = Node(self._value(node), self.where(node))
        converted = self.done[id(node)]
        if converted is None:
            raise _refusal("an anchor contains itself", node)
        if excess := Extent.of(converted.value, self.extents).excess:
            raise _refusal(excess, node)
        return converted

    def _value(self, node: yaml.Node) -> object:
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        kind = "seq" if isinstance(node, yaml.SequenceNode) else "map"
        if node.tag != TAG + kind:
            raise _refusal(f"a {'list' if kind == 'seq' else 'mapping'} cannot have the tag {node.tag}", node)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        return [self.convert(child) for child in node.value]

    def _scalar(self, node: yaml.Node) -> object:
        try:
            return parse_scalar(node.tag, node.value)
        except ValueError as error:
            raise _refusal(str(error), node) from error

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key_node, value_node in node.value:
            where = self.where(key_node)
            if key_node.tag == TAG + "merge":
                merged = {**self._merged(value_node), **merged}
                continue
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refusal("a key should be a text", key_node)
            self._scalar(key_node)
            key = str(key_node.value)
            if key in own:
                self.problems.append(Problem(where, f"duplicate key '{key}', first at {own[key].where}."))
            own[key] = Node(self.convert(value_node).value, where)
        return {**merged, **own}

    def _merged(self, node: yaml.Node) -> dict[str, Node]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Node] = {}
        for source in reversed(sources):
            value = self.convert(source).value
            if not isinstance(value, dict):
                raise _refusal("<< needs a mapping", source)
            merged |= value
        return merged


def _refusal(why: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, why, node.start_mark)
