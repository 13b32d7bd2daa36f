"""`${dotted.key}` in a value takes the value of another key.

Keys are spelled as OmegaConf's: from the top, or with leading dots from where the value stands (`${.sibling}`,
`${..aunt}`), items as `steps[0]` or `steps.0`; behind a backslash it is no interpolation. Nothing but keys can be
named: the environment (`oc.env`) would find its way into artifacts and reports.
"""

from __future__ import annotations

import re

from pali3kit.config.tree import MOST_DEPTH, Extent, Node, measure
from pali3kit.errors import Problem, brief, choose

INNERMOST = re.compile(r"\$\{([^${}]*)\}")
ESCAPED, MARK = "\\${", "\0"  # no text of a tree has a NUL: it stands for a `${` that is none
Place = tuple[str, ...]


class _Failed(Exception):
    """An interpolation that cannot be resolved, and why."""


def interpolate(tree: Node, problems: list[Problem]) -> Node:
    """Resolve all interpolations of a merged tree; one that fails is a problem at its own place.

    What all of it stands for is bounded as a file is: a tree that is too much is a problem too.
    """
    resolver = _Resolver(tree, problems)
    resolved = resolver.resolve(tree, ())
    if excess := measure(resolved.value, resolver.extents).excess:
        problems.append(Problem(tree.where, f"the experiment is {excess}."))
        return Node({}, tree.where)
    return resolved


class _Resolver:
    """Each value is resolved once, then shared by all that name it; `open` are the values that are being resolved."""

    def __init__(self, tree: Node, problems: list[Problem]) -> None:
        self.tree, self.problems = tree, problems
        self.done: dict[Place, Node | _Failed] = {}
        self.open: list[Place] = []
        self.extents: dict[int, Extent] = {}

    def resolve(self, node: Node, place: Place) -> Node:
        """The node at a place of the tree, with all below it resolved."""
        if not isinstance(node.value, dict | list) and not (isinstance(node.value, str) and "${" in node.value):
            return node
        if place in self.open:
            raise _Failed("it takes its own value")
        if place not in self.done:
            self.open.append(place)
            self.done[place] = self._resolved(node, place)
            self.open.pop()
        found = self.done[place]
        if isinstance(found, _Failed):
            raise found
        return found

    def _resolved(self, node: Node, place: Place) -> Node | _Failed:
        try:
            if len(self.open) > MOST_DEPTH:
                raise _Failed(f"more than {MOST_DEPTH} values take each other's values")
            if isinstance(node.value, str):
                return self._bounded(Node(self._filled(node.value, place), node.where))
            return self._container(node, place)
        except _Failed as error:
            return error

    def _container(self, node: Node, place: Place) -> Node:
        """A mapping or list; what fails in it is told, and left out."""
        resolved: dict[str, Node] = {}
        children = _children(node)
        for key, child in children.items():
            try:
                resolved[key] = self.resolve(child, (*place, key))
            except _Failed as error:
                self.problems.append(Problem(child.where, f"{'.'.join((*place, key))}: {error}"))
        if len(resolved) == len(children) and all(resolved[key] is child for key, child in children.items()):
            return node
        return Node(resolved if isinstance(node.value, dict) else list(resolved.values()), node.where)

    def _bounded(self, node: Node) -> Node:
        if excess := measure(node.value, self.extents).excess:
            raise _Failed(f"stands for {excess}")
        return node

    def _filled(self, text: str, place: Place) -> object:
        """The value of a text: that of the one key that it names, or the text with its keys' values in it."""
        text = text.replace(ESCAPED, MARK)
        while (found := INNERMOST.search(text)) is not None:
            value = self._named(found[1].strip(), place)
            if found[0] == text:
                return value
            if isinstance(value, dict | list):
                raise _Failed(
                    f"'{found[1]}' is a {'mapping' if isinstance(value, dict) else 'list'}, and no part of a text"
                )
            text = text[: found.start()] + _written(value).replace("${", MARK) + text[found.end() :]
            self._bounded(Node(text, ""))
        if "${" in text:
            raise _Failed("a '${' has no '}'")
        return text.replace(MARK, "${")

    def _named(self, name: str, place: Place) -> object:
        if ":" in name:
            raise _Failed("'${...}' names another key: no resolvers, such as oc.env, are taken")
        key = name.lstrip(".")
        words = tuple(re.findall(r"[^.\[\]]+", key))
        above = place[: -(len(name) - len(key))] if name != key else ()
        if not words:
            raise _Failed(f"'${{{name}}}' names no key")
        return self._at((*above, *words), name)

    def _at(self, wanted: Place, name: str) -> object:
        """The resolved value of a place; the way there may lead through interpolations."""
        node, final = self.tree, False
        for depth, word in enumerate(wanted, 1):
            children = _children(node)
            if word not in children:
                raise _Failed(f"there is no key '{brief(name)}'.{choose(word, children)}")
            node = children[word]
            if not final and (depth == len(wanted) or isinstance(node.value, str)):
                final = isinstance(node.value, str)
                node = self.resolve(node, wanted[:depth])
        return node.value


def _children(node: Node) -> dict[str, Node]:
    if isinstance(node.value, list):
        return {str(i): child for i, child in enumerate(node.value)}
    return node.value if isinstance(node.value, dict) else {}


def _written(value: object) -> str:
    """A scalar as YAML has it."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)
