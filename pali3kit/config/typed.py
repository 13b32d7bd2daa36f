"""Builds the typed dataclasses of the schema from a tree, and checks each key and value."""

from __future__ import annotations

import os
import types
from collections.abc import Iterable
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pali3kit import registry
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.component import Component, Optimizer
from pali3kit.config.kinds import OPTIONAL_COMPONENT, VARIABLES, hints, is_component, is_section, key_of, registry_of
from pali3kit.config.paths import impossible
from pali3kit.config.renamed import RENAMED
from pali3kit.config.schema import Experiment
from pali3kit.config.suggestions import new_key, new_name
from pali3kit.config.tree import COMMAND_LINE, Node
from pali3kit.declared.annotations import UNKNOWN_VALUE
from pali3kit.errors import Problem, RegistryError, brief, choose, nearest
from pali3kit.types import TypeForm

_WORDS: dict[TypeForm, str] = {
    int: "an integer",
    float: "a number",
    str: "a text",
    bool: "true or false",
    type(None): "nothing",
}
REFUSED = object()
MOST_SUGGESTIONS = 50


class Builder:
    """Builds values of declared types from nodes, and collects all problems instead of stopping at the first.

    A value that is missing or invalid becomes `REFUSED` and its dotted key is in `refused`, so that the rest of the
    experiment can still be checked.
    """

    def __init__(self, complete: bool = True) -> None:
        """With `complete=False` a layer could not be read: missing keys, which it may have had, are not reported."""
        self.complete = complete
        self.problems: list[Problem] = []
        self.refused: set[str] = set()

    def experiment(self, tree: Node) -> Experiment:
        """Return the whole experiment. The tree is a mapping: `load` refuses other files."""
        built = self.section(Experiment, tree, "", extra=[VARIABLES])
        assert isinstance(built, Experiment)
        return built

    def build(self, kind: TypeForm, node: Node, key: str) -> object:
        """Return the value of `node` as `kind`, or `REFUSED` with a problem recorded."""
        origin = get_origin(kind)
        if kind is Any:
            return node.plain()
        if kind == OPTIONAL_COMPONENT and node.value is None:
            return None
        if is_component(kind):
            return self.part(node, key)
        if kind is Optimizer:
            return self.optimizer(node, key)
        if is_section(kind):
            return self.section(kind, node, key)
        if origin is list:
            return self.sequence(get_args(kind)[0], node, key)
        if origin is tuple:
            built = self.sequence(get_args(kind)[0], node, key)
            return tuple(built) if isinstance(built, list) else built
        if origin is dict:
            return self.mapping(get_args(kind)[1], node, key)
        if isinstance(node.value, dict) and (sections := [option for option in get_args(kind) if is_section(option)]):
            return self.section(sections[0], node, key)
        if (inner := _optional(kind)) is not None:
            return None if node.value is None else self.build(inner, node, key)
        return self.scalar(kind, node, key)

    def scalar(self, kind: TypeForm, node: Node, key: str) -> object:
        if get_origin(kind) is Literal:
            return self.choice(get_args(kind), node, key)
        allowed = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
        value = node.value
        if type(value) in allowed:
            return value
        if type(value) is int and float in allowed:
            return float(value)
        self.wrong(node, key, " or ".join(_WORDS.get(option, "a mapping") for option in allowed))
        return REFUSED

    def choice(self, choices: tuple[object, ...], node: Node, key: str) -> object:
        if node.value in choices:
            return node.value
        word = str(node.plain())
        meant = new_name(key, word) or choose(word, map(str, choices))
        self.refuse(node, key, f"{key} cannot be '{brief(word)}'.{meant}")
        return REFUSED

    def sequence(self, kind: TypeForm, node: Node, key: str) -> object:
        if not isinstance(node.value, list):
            hint = f": write [{brief(str(node.value))}]" if node.value is not None else ""
            if isinstance(node.value, dict):
                overridden = any(child.where.startswith(COMMAND_LINE) for child in node.value.values())
                hint = ": write the whole list, of which single values cannot be overridden" if overridden else ""
            self.wrong(node, key, "a list", hint)
            return REFUSED
        return [self.build(kind, child, f"{key}[{i}]") for i, child in enumerate(node.value)]

    def mapping(self, kind: TypeForm, node: Node, key: str) -> object:
        """Build a dictionary; null means an empty one."""
        if node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(node, key, "a mapping")
            return REFUSED
        return {name: self.build(kind, child, f"{key}.{name}") for name, child in node.value.items()}

    def section(self, kind: type, node: Node, key: str, extra: Iterable[str] = (), component: str = "") -> object:
        """Build the dataclass `kind`, options of `component` (`vision/vit`) if one is named.

        `extra` are further keys that a misspelt one may have meant.
        """
        if not isinstance(node.value, dict):
            self.wrong(node, key, "a mapping")
            return REFUSED
        declared, known = hints(kind), {key_of(field): field for field in fields(kind)}
        for name, child in node.value.items():
            if name not in known:
                self.unknown(child, key, name, [*known, *extra], component)
        values = {
            name: self.build(declared[name], node.value[name], _join(key, name)) for name in known if name in node.value
        }
        self.paths(values, [name for name, field in known.items() if field.metadata.get("path")], node, key)
        for name, field in known.items():
            if field.metadata.get("absolute") and isinstance(place := values.get(name), str):
                values[name] = os.path.abspath(place)
        values |= self.defaults(known, values, node, key)
        renamed = {RENAMED.get(_join(key, name)) for name in node.value}  # its old name has been reported already
        for name in [name for name in known if name not in values]:
            if _join(key, name) in renamed:
                self.refused.add(_join(key, name))
            else:
                self.missing(node, _join(key, name), _word(declared[name]))
            values[name] = REFUSED
        return kind(**{known[name].name: value for name, value in values.items()})

    def unknown(self, node: Node, above: str, name: str, choices: Iterable[str], component: str = "") -> None:
        """Report an unknown key; only the first `MOST_SUGGESTIONS` get a suggestion, which takes time to find."""
        key = _join(above, name)
        broken = STAGE.broken.get(name) if above == "stages" else None
        meant = new_key(key) or new_name(component, name)
        if not meant and len(self.problems) < MOST_SUGGESTIONS:
            meant = choose(name, choices)
        self.refuse(node, key, f"{key}: {broken.wrong}" if broken else f"unknown key '{brief(key)}'.{meant}")

    def paths(self, values: dict[str, object], names: Iterable[str], node: Node, key: str) -> None:
        """Expand `~` in the paths, and lists of paths, among the values of a mapping, and refuse impossible paths."""
        for name in names:
            given = values.get(name)
            paths = [os.path.expanduser(path) for path in (given if isinstance(given, list) else [given])
                     if isinstance(path, str)]  # fmt: skip
            if not paths:
                continue
            values[name] = paths if isinstance(given, list) else paths[0]
            if name in node.value and (why := next(filter(None, map(impossible, paths)), "")):
                values[name] = REFUSED
                self.refuse(node.value[name], _join(key, name), f"{_join(key, name)} {why}.")

    def defaults(
        self, known: dict[str, Field[object]], values: dict[str, object], node: Node, key: str
    ) -> dict[str, object]:
        """Return the defaults of absent fields; the options of a component among them get their own defaults."""
        given: dict[str, object] = {}
        for name, field in known.items():
            if name in values or (field.default is MISSING and field.default_factory is MISSING):
                continue
            value = field.default if field.default_factory is MISSING else field.default_factory()
            if isinstance(value, Component):
                value = self.part(Node({"name": Node(value.name, node.where)}, node.where), _join(key, name))
            elif is_dataclass(value):
                value = self.section(type(value), Node({}, node.where), _join(key, name))
            given[name] = value
        return given

    def part(self, node: Node, key: str) -> object:
        """Build a component, with the defaults of those options that the registry knows."""
        value = node.value if isinstance(node.value, dict) else {"name": node}
        if "name" not in value:
            self.nameless(value, node, key)
            return REFUSED
        name = self.scalar(str, value["name"], key if value["name"] is node else f"{key}.name")
        if not isinstance(name, str):
            return REFUSED
        kind = registry.KINDS[registry_of(key)]
        try:
            entry = kind.describe(name)
        except RegistryError as error:
            new = new_name(kind.kind, name)
            self.refuse(value["name"], key, f"{key}: unknown {kind.kind} '{name}'.{new}" if new else f"{key}: {error}")
            return REFUSED
        rest = Node({option: child for option, child in value.items() if option != "name"}, node.where)
        options = self.own(entry.options, rest, key, ["name"], f"{kind.kind}/{entry.name}")
        self.paths(options, entry.path_options, rest, key)
        return Component(name=self.folder(name, value["name"], key), options=options)

    def folder(self, name: str, node: Node, key: str) -> str:
        """The name of a component; after `hf/` it may be a folder, in which `~` is expanded."""
        family, slash, rest = name.partition("/")
        if family != "hf" or not rest.startswith((".", "/", "~")):
            return name
        if why := impossible(os.path.expanduser(rest)):
            self.refuse(node, key, f"{key}: '{brief(rest)}' {why}.")
        return family + slash + os.path.expanduser(rest)

    def own(
        self, options: type | None, node: Node, key: str, extra: Iterable[str], component: str
    ) -> dict[str, object]:
        """The options of a component, unchecked where its source does not declare them."""
        if options is None:
            return {name: child.plain() for name, child in node.value.items()}
        built = self.section(options, node, key, extra, component)
        values = {field.name: getattr(built, field.name) for field in fields(options)}
        return {option: value for option, value in values.items() if value is not UNKNOWN_VALUE}

    def optimizer(self, node: Node, key: str) -> object:
        """Build an optimizer, whose own options are keys beside those that all optimizers have."""
        if not isinstance(node.value, dict):
            self.wrong(node, key, "a mapping")
            return REFUSED
        shared = [field.name for field in fields(Optimizer) if field.name != "options"]
        common = Node({name: child for name, child in node.value.items() if name in shared}, node.where)
        rest = Node({name: child for name, child in node.value.items() if name not in shared}, node.where)
        built = self.section(Optimizer, common, key)
        assert isinstance(built, Optimizer)
        names = registry.OPTIMIZER.names()
        if built.name is REFUSED:
            return built
        if built.name not in names:
            broken = registry.OPTIMIZER.broken.get(built.name)
            meant = new_name("optimizer", built.name) or choose(built.name, names)
            told = f"{key}: {broken.wrong}" if broken else f"{key}.name cannot be '{brief(built.name)}'.{meant}"
            self.refuse(node.value["name"], f"{key}.name", told)
            return built
        options = registry.OPTIMIZER.describe(built.name).options
        built.options = self.own(options, rest, key, shared, f"optimizer/{built.name}")
        return built

    def nameless(self, value: dict[str, Node], node: Node, key: str) -> None:
        """Report a component without a name, or the misspelt key of its name."""
        meant = [option for option in value if nearest(option, ["name"])]
        for option in meant:
            self.refuse(value[option], f"{key}.name", f"unknown key '{key}.{option}'.{nearest(option, ['name'])}")
        above, _, name = key.rpartition(".")
        if not meant and above == "data.benchmarks" and name not in BENCHMARK.names():
            hint = new_name("benchmark", name) or choose(name, BENCHMARK.names())
            self.refuse(node, key, f"data.benchmarks: no generated benchmark '{brief(name)}'.{hint}")
        elif not meant:
            self.missing(node, f"{key}.name", "a text")

    def wrong(self, node: Node, key: str, wanted: str, hint: str = "") -> None:
        self.refuse(node, key, f"{key} should be {wanted}, not {_shown(node)}{hint}.")

    def missing(self, node: Node, key: str, wanted: str) -> None:
        self.refused.add(key)
        if self.complete:
            self.problems.append(Problem(node.where, f"missing key '{key}': it needs {wanted}."))

    def refuse(self, node: Node, key: str, text: str) -> None:
        self.refused.add(key)
        self.problems.append(Problem(node.where, text))


def _optional(kind: TypeForm) -> TypeForm | None:
    """The type of an optional choice, list or mapping without its None; None for other types."""
    inner = [option for option in get_args(kind) if option is not type(None)]
    compound = get_origin(kind) in (Union, types.UnionType) and len(inner) == 1 and get_origin(inner[0]) is not None
    return inner[0] if compound else None


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _word(kind: TypeForm) -> str:
    return _WORDS.get(kind, "a component, by name or as a mapping" if is_component(kind) else "a mapping")


def _shown(node: Node) -> str:
    value = node.value
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"the text '{brief(value)}'" if isinstance(value, str) else f"the number {value}"
