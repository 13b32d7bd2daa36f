"""`${dotted.key}` in a value takes the value of another key, by OmegaConf's rules.

Keys are absolute, or relative with leading dots (`${.sibling}`, `${..aunt}`); items of lists are `steps[0]`; a
backslash before `${` keeps it as text. Resolvers such as `oc.env` are refused: they would copy the environment into
artifacts and reports. Interpolations of interpolations can expand a few lines into billions of values, so the expanded
size of every value is computed before OmegaConf resolves any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pali3kit.config.tree import MOST_DEPTH, Extent, Node
from pali3kit.errors import Problem, brief, choose, first_line

INTERPOLATION = re.compile(r"(?P<escapes>\\*)\$\{\s*(?P<key>[^${}]*?)\s*\}")
MOST = 500  # interpolations of an experiment; OmegaConf takes about 0.1 ms to resolve one
MOST_FOLLOWED = 10_000  # keys that are looked up to find their values
Place = tuple[str, ...]


class _Failed(Exception):
    """An interpolation that cannot be resolved, and why."""


def interpolate(tree: Node, problems: list[Problem]) -> Node:
    """Resolve all interpolations of a merged tree; each that fails is a problem at its own line.

    The expanded tree has the bounds of a file: one that exceeds them is a problem too, and an empty tree is returned.
    """
    if not _interpolates(tree):
        return tree
    from omegaconf import OmegaConf  # only files that interpolate pay for the import

    measured = _Measured(tree)
    excess = f"more than {MOST} interpolations" if _count(tree) > MOST else measured.of(tree, ()).excess
    if excess:
        problems.append(Problem(tree.where, f"the experiment is {excess}."))
        return Node({}, tree.where)
    for place, why in measured.failed.items():
        problems.append(Problem(_at(tree, place).where, f"{'.'.join(place)}: {why}"))
    sound = _without(tree, (), measured.failed)
    config = OmegaConf.create(sound.plain())  # type: ignore[call-overload]  # it is a mapping, as a tree is
    return _resolve(sound, config, "", problems)


def _count(node: Node) -> int:
    if isinstance(node.value, str):
        return node.value.count("${")
    return sum(map(_count, _children(node).values()))


class _Measured:
    """Expanded sizes of values, computed without expanding them; `failed` has the errors of the unresolvable ones."""

    def __init__(self, tree: Node) -> None:
        self.tree = tree
        self.failed: dict[Place, str] = {}
        self.followed = 0
        self._known: dict[Place, Extent] = {}
        self._open: list[Place] = []

    def of(self, node: Node, place: Place) -> Extent:
        """The expanded size of the value at a place. Raises _Failed where it refers to itself, or is in `failed`."""
        if place in self.failed:
            raise _Failed(self.failed[place])
        if place in self._open:
            raise _Failed("it refers to itself")
        if len(self._open) > MOST_DEPTH:
            raise _Failed(f"a chain of more than {MOST_DEPTH} interpolations")
        if place not in self._known:
            self._open.append(place)
            try:
                self._known[place] = self._found(node, place)
            finally:
                self._open.pop()
        return self._known[place]

    def _found(self, node: Node, place: Place) -> Extent:
        if isinstance(node.value, str):
            return self._text(node.value, place)
        if not isinstance(node.value, dict | list):
            return Extent(1, 1, 0)
        children = _children(node)
        return Extent.around(list(self._inner(children, place)), sum(map(len, children)))

    def _inner(self, children: dict[str, Node], place: Place) -> Iterator[Extent]:
        for key, child in children.items():
            try:
                yield self.of(child, (*place, key))
            except _Failed as error:
                self.failed.setdefault((*place, key), str(error))

    def _text(self, text: str, place: Place) -> Extent:
        if "${" not in text:
            return Extent(1, len(text), 0)
        from omegaconf import OmegaConf
        from omegaconf.errors import OmegaConfBaseException

        found = [match for match in INTERPOLATION.finditer(text) if len(match["escapes"]) % 2 == 0]
        if "${" in re.sub(r"\\\$\{", "", INTERPOLATION.sub("", text)):
            raise _Failed("a '${' needs a key and its '}', with no other '${' between them")
        parts = [self._named(match["key"], place, whole=match[0] == text) for match in found]
        try:
            OmegaConf.create([text])
        except OmegaConfBaseException as error:
            raise _Failed(first_line(error)) from error
        extent = Extent(
            1 + sum(each.values for each in parts),  # OmegaConf resolves a reference again for each use
            len(text) + sum(each.characters for each in parts),
            1 + max((each.depth for each in parts), default=0),  # chains are resolved by recursion, as is nesting
        )
        if excess := extent.excess:
            raise _Failed(f"expands to {excess}")
        return extent

    def _named(self, name: str, place: Place, whole: bool) -> Extent:
        target = self._target(name, place)
        node = _at(self.tree, target)
        if isinstance(node.value, dict | list) and not whole:
            kind = "mapping" if isinstance(node.value, dict) else "list"
            raise _Failed(f"'{name}' is a {kind}, which cannot be part of a text")
        return self.of(node, target)

    def _target(self, name: str, place: Place, most: int = MOST_DEPTH) -> Place:
        """The place that a key refers to; resolving it may pass through `most` interpolations within each other."""
        self.followed += 1
        if not most or self.followed > MOST_FOLLOWED:
            raise _Failed("it refers to itself, or through too many other values")
        if ":" in name:
            raise _Failed("'${...}' refers to another key: resolvers such as oc.env are not supported")
        key = name.lstrip(".")
        words = re.findall(r"[^.\[\]]+", key)
        if not words:
            raise _Failed(f"'${{{name}}}' names no key")
        at: Place = place[: -(len(name) - len(key))] if name != key else ()
        for _ in range(MOST_DEPTH):
            node = _at(self.tree, at)
            if at and isinstance(node.value, str) and (match := INTERPOLATION.fullmatch(node.value)):
                at = self._target(match["key"], at, most - 1)
                continue
            if not words:
                return at
            if words[0] not in (children := _children(node)):
                raise _Failed(f"there is no key '{brief(name)}'.{choose(words[0], children)}")
            at = (*at, words.pop(0))
            if not words:
                return at
        raise _Failed("it refers to itself, or through too many other values")


def _resolve(node: Node, config: object, key: str, problems: list[Problem]) -> Node:
    """Take the resolved values from OmegaConf, `config`, and the places from the tree."""
    from omegaconf import DictConfig, ListConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    assert isinstance(config, DictConfig | ListConfig)
    children = node.value.items() if isinstance(node.value, dict) else enumerate(node.value)
    resolved = {}
    for index, child in children:
        if not _interpolates(child):
            resolved[index] = child
            continue
        try:
            value = config[index]
        except OmegaConfBaseException as error:
            problems.append(Problem(child.where, f"{key}{index}: {first_line(error)}"))
            continue
        if isinstance(child.value, dict | list):
            resolved[index] = _resolve(child, value, f"{key}{index}.", problems)
        else:
            resolved[index] = Node.of(OmegaConf.to_object(value) if OmegaConf.is_config(value) else value, child.where)
    return Node(resolved if isinstance(node.value, dict) else list(resolved.values()), node.where)


def _interpolates(node: Node) -> bool:
    if isinstance(node.value, str):
        return "${" in node.value
    return any(map(_interpolates, _children(node).values()))


def _without(node: Node, place: Place, failed: dict[Place, str]) -> Node:
    """The tree without the values that cannot be resolved."""
    if not isinstance(node.value, dict | list):
        return node
    kept = {
        key: _without(child, (*place, key), failed)
        for key, child in _children(node).items()
        if (*place, key) not in failed
    }
    return Node(kept if isinstance(node.value, dict) else list(kept.values()), node.where)


def _at(node: Node, place: Place) -> Node:
    for word in place:
        node = _children(node)[word]
    return node


def _children(node: Node) -> dict[str, Node]:
    if isinstance(node.value, list):
        return {str(i): child for i, child in enumerate(node.value)}
    return node.value if isinstance(node.value, dict) else {}
