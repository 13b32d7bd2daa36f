"""Registries of exchangeable parts: a name leads to a target that is imported only when it is asked for.

A target is text, `"package.module:attribute"`, so that listing and checking parts costs no import of
torch. Plug-ins add parts through entry points: group `pali3kit.<kind>`, name = the part's name,
value = its target. A name that ends in `/` is a prefix: `timm/` answers for `timm/vit_tiny_patch16_224`
and its target gets the rest of the name as first argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, distributions
from inspect import Parameter, signature
from typing import Any, TypeVar

from pali3kit.errors import RegistryError, choose

Target = TypeVar("Target", bound=Callable[..., Any])

BUILT_IN = "pali3kit.config.parts"


@dataclass(frozen=True, slots=True)
class Entry:
    """What a registry knows of a part. `options` is a dataclass of the keyword arguments, if declared."""

    name: str
    target: str | Callable[..., Any]
    options: type | None = None
    summary: str = ""

    @property
    def origin(self) -> str:
        """Where the part comes from, as text: `package.module:attribute`."""
        return self.target if isinstance(self.target, str) else f"{self.target.__module__}:{self.target.__qualname__}"


class Registry:
    """Parts of one kind by name. The module `declared_in` is imported at the first look-up and adds its own."""

    def __init__(self, kind: str, declared_in: str | None = None) -> None:
        self.kind = kind
        self._declared_in = declared_in
        self._entries: dict[str, Entry] = {}
        self._plugins_seen = False

    def add(self, name: str, target: str | Callable[..., Any], options: type | None = None, summary: str = "") -> None:
        """Add a part. Raises RegistryError, naming both targets, when the name is taken."""
        self._load_declarations()
        entry = Entry(name, target, options, summary)
        if (taken := self._entries.get(name)) is not None:
            raise RegistryError(f"{self.kind} '{name}' is registered twice: {taken.origin} and {entry.origin}.")
        self._entries[name] = entry

    def register(self, name: str, options: type | None = None, summary: str = "") -> Callable[[Target], Target]:
        """Add the decorated class or function under `name`."""

        def decorator(target: Target) -> Target:
            self.add(name, target, options, summary)
            return target

        return decorator

    def names(self) -> list[str]:
        """Return all names in alphabetical order; prefixes end in `/`."""
        self._load_declarations()
        self._load_plugins()
        return sorted(self._entries)

    def entries(self) -> list[Entry]:
        """Return what is known of all parts and prefixes, in alphabetical order of their names."""
        return [self._entries[name] for name in self.names()]

    def describe(self, name: str) -> Entry:
        """Return what is known of `name` without importing it. Raises RegistryError with a suggestion."""
        self._load_declarations()
        prefix = name.partition("/")[0] + "/"
        if not {name, prefix} & self._entries.keys():
            self._load_plugins()
        if name == prefix and prefix in self._entries:
            raise RegistryError(f"'{prefix}' is a family of {self.kind}: say which one, {prefix}NAME.")
        for key in (name, prefix):
            if key in self._entries:
                return self._entries[key]
        raise RegistryError(f"unknown {self.kind} '{name}'.{choose(name, self.names())}")

    def get(self, name: str) -> Callable[..., Any]:
        """Import and return the target of `name`. Raises RegistryError when that fails."""
        entry = self.describe(name)
        if not isinstance(entry.target, str):
            return entry.target
        module, _, attribute = entry.target.partition(":")
        try:
            target: Callable[..., Any] = getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise RegistryError(f"{self.kind} '{name}' cannot be imported from {entry.target}: {error}") from error
        return target

    def build(self, name: str, *arguments: Any, **options: Any) -> Any:
        """Call the target of `name`. For a prefixed name the rest of the name is the first argument."""
        target = self.get(name)
        rest = name[len(self.describe(name).name) :]
        self._demand_known(name, target, options)
        return target(*([rest] if rest else []), *arguments, **options)

    def _demand_known(self, name: str, target: Callable[..., Any], options: dict[str, Any]) -> None:
        """Raise RegistryError for an option that the target does not take; a TypeError would name no choice."""
        parameters = signature(target).parameters
        if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values()):
            return
        for option in options:
            if option not in parameters:
                raise RegistryError(f"{self.kind} '{name}' takes no option '{option}'.{choose(option, parameters)}")

    def _load_declarations(self) -> None:
        module, self._declared_in = self._declared_in, None
        if module is not None:
            import_module(module)

    def _load_plugins(self) -> None:
        if self._plugins_seen:
            return
        self._plugins_seen = True
        for point in plugins():
            if point.group == f"pali3kit.{self.kind}":
                self.add(point.name, point.value, summary="plug-in")


@cache
def plugins() -> tuple[EntryPoint, ...]:
    """Read the installed distributions' entry points once: it takes tens of milliseconds."""
    points = (point for distribution in distributions() for point in distribution.entry_points)
    return tuple(dict.fromkeys(point for point in points if point.group.startswith("pali3kit.")))


VISION = Registry("vision", BUILT_IN)
PROJECTOR = Registry("projector", BUILT_IN)
LANGUAGE = Registry("language", BUILT_IN)
MASKS = Registry("masks", BUILT_IN)
TEXT_TOWER = Registry("text_tower", BUILT_IN)
SOURCE = Registry("source", BUILT_IN)
TASK = Registry("task", BUILT_IN)
METRIC = Registry("metric", BUILT_IN)
OPTIMIZER = Registry("optimizer", BUILT_IN)
LABELLED = Registry("labelled", BUILT_IN)
CAPTIONED = Registry("captioned", BUILT_IN)
TOWERS = Registry("towers", BUILT_IN)

KINDS: dict[str, Registry] = {
    registry.kind: registry
    for registry in (
        VISION, PROJECTOR, LANGUAGE, MASKS, TEXT_TOWER, SOURCE, TASK, METRIC, OPTIMIZER,
        LABELLED, CAPTIONED, TOWERS,
    )
}  # fmt: skip
