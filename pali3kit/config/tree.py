"""YAML as a tree that remembers where each value stands.

Scalars follow YAML 1.2's core schema, not 1.1: `3e-3` is a number, `no` is Norwegian, `1:30` is text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pali3kit.errors import Problem


@dataclass(frozen=True, slots=True)
class Node:
    """A scalar, a `dict[str, Node]` or a `list[Node]`, and its place: `file:line` or the override's own text."""

    value: Any
    where: str


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's rules for what a plain scalar is. No nan and no inf: they would not hash."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own class attribute)


for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)", list("-+.0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def parse(text: str, source: str, problems: list[Problem], override: bool = False) -> Node | None:
    """Read YAML `text` of the file `source`; return None when it is no YAML, with the reason in `problems`.

    With `override`, `source` itself is the place of all values.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        return _Converter(loader, source, problems, override).convert(root) if root else Node({}, source)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = source if override or mark is None else f"{source}:{mark.line + 1}"
        problems.append(Problem(where, f"not valid YAML: {getattr(error, 'problem', None) or error}"))
        return None


class _Converter:
    """Turns PyYAML's nodes into ours; an anchor's value is converted once and shared."""

    def __init__(self, loader: _Loader, source: str, problems: list[Problem], override: bool) -> None:
        self.loader, self.source, self.problems, self.override = loader, source, problems, override
        self.done: dict[int, Node | None] = {}

    def where(self, node: yaml.Node) -> str:
        return self.source if self.override else f"{self.source}:{node.start_mark.line + 1}"

    def convert(self, node: yaml.Node) -> Node:
        if id(node) not in self.done:
            self.done[id(node)] = None
            self.done[id(node)] = Node(self._value(node), self.where(node))
        converted = self.done[id(node)]
        if converted is None:
            raise yaml.constructor.ConstructorError(None, None, "an anchor contains itself", node.start_mark)
        return converted

    def _value(self, node: yaml.Node) -> object:
        if isinstance(node, yaml.SequenceNode):
            return [self.convert(child) for child in node.value]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node)
        try:
            return self.loader.construct_object(node)
        except ValueError as error:  # Python reads no integer of thousands of digits
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error

    def _mapping(self, node: yaml.MappingNode) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key_node, value_node in node.value:
            where = self.where(key_node)
            if key_node.tag == "tag:yaml.org,2002:merge":
                merged = {**self._merged(value_node), **merged}
                continue
            key = str(key_node.value)
            if key in own:
                self.problems.append(Problem(where, f"key '{key}' stands here twice, first at {own[key].where}."))
            own[key] = Node(self.convert(value_node).value, where)
        return {**merged, **own}

    def _merged(self, node: yaml.Node) -> dict[str, Node]:
        sources = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Node] = {}
        for source in reversed(sources):
            value = self.convert(source).value
            if not isinstance(value, dict):
                raise yaml.constructor.ConstructorError(None, None, "<< needs a mapping", source.start_mark)
            merged |= value
        return merged


def plant(value: object, where: str) -> Node:
    """Turn plain Python data into a tree that stands at one place."""
    if isinstance(value, Mapping):
        return Node({str(key): plant(child, where) for key, child in value.items()}, where)
    if isinstance(value, list | tuple):
        return Node([plant(child, where) for child in value], where)
    return Node(value, where)


def plain(node: Node) -> object:
    """Turn a tree back into plain Python data."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def find(node: Node, key: str) -> str:
    """Return the place of the dotted `key`, or of the nearest mapping above it that the tree has."""
    head, _, rest = key.partition(".")
    if isinstance(node.value, dict):
        if key in node.value:
            return str(node.value[key].where)
        head, _, place = head.partition("[")
        if place and head in node.value and isinstance(node.value[head].value, list):
            item = node.value[head].value[int(place.rstrip("]"))]
            return find(item, rest) if rest else str(item.where)
        if head in node.value:
            return find(node.value[head], rest) if rest else str(node.value[head].where)
    return node.where
