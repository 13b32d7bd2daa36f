"""The check that the packages of components are installed: those that their entries `need`, each in an extra."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from importlib.util import find_spec

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.component import Component
from pali3kit.config.kinds import key_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import RegistryError
from pali3kit.registry import KINDS, Registry


def check_packages(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the packages of all components, and of options that are set, are installed."""
    for key, registry, component in _components(cell):
        try:
            entry = registry.describe(component.name)
        except RegistryError:  # reported where the component is built
            continue
        extra = entry.extra or component.name
        yield from missing_packages(key, component.name, entry.needs, extra)
        for option, packages in entry.option_needs.items():
            if (value := component.options.get(option)) is not None:
                yield from missing_packages(f"{key}.{option}", str(value), packages, extra)


def missing_packages(key: str, name: str, packages: Sequence[str], extra: str) -> Iterator[KeyProblem]:
    """The problem that some of the packages which `name` needs are not installed, with the extra that has them."""
    if absent := [package for package in packages if find_spec(package) is None]:
        yield key, f"{key} '{name}' needs {' and '.join(absent)}: pip install 'pali3kit[{extra}]'."


def _components(section: object, above: str = "") -> Iterator[tuple[str, Registry[object], Component]]:
    """The components of a section and those below it, with their dotted keys and registries."""
    for each in fields(section) if is_dataclass(section) else ():
        key, value = f"{above}{key_of(each)}", getattr(section, each.name)
        if registry := each.metadata.get("registry"):
            named = {f"{key}.{name}": part for name, part in value.items()} if isinstance(value, dict) else {key: value}
            for at, part in named.items():
                if isinstance(part, Component):
                    yield at, KINDS[registry], part
                    yield from ((f"{at}.parts.{name}", KINDS[registry], one) for name, one in part.parts.items())
        else:
            yield from _components(value, f"{key}.")
