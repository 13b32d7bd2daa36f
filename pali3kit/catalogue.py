"""Catalogues of objects that describe themselves: benchmarks and kinds of stages, by name.

A built-in one stands in a module of its own in the catalogue's package, and is found there: no list names it. Plug-ins
add theirs by entry points: group `pali3kit.<kind>`, value = `package.module:OBJECT`. Describing a benchmark or a stage
needs no torch, and their modules must not import it: `check` and `list` read them.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pali3kit.errors import RegistryError, choose
from pali3kit.registry import KINDS, Entry, Registry, plugins

if TYPE_CHECKING:
    from pali3kit.benchmarks.benchmark import Benchmark
    from pali3kit.plan.kinds.kind import StageKind


class Described(Protocol):
    """What a catalogue holds."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...


T = TypeVar("T", bound=Described)


class Catalogue(Generic[T]):
    """The objects of the class `holds` (`package.module:Class`) in the modules of `package`, and those of plug-ins."""

    def __init__(self, kind: str, package: str, holds: str) -> None:
        self.kind, self.package, self.holds = kind, package, holds

    def names(self) -> list[str]:
        """Return all names in alphabetical order."""
        return sorted(self.found)

    def find(self, name: str) -> T:
        """Return the object called `name`. Raises RegistryError with a suggestion."""
        if name not in self.found:
            raise RegistryError(f"unknown {self.kind} '{name}'.{choose(name, self.found)}")
        return self.found[name][0]

    def all(self) -> list[T]:
        """Return all objects, in alphabetical order of their names."""
        return [self.found[name][0] for name in self.names()]

    def plugins(self) -> list[T]:
        """Return the objects that plug-ins added."""
        return [found for found, origin in self.found.values() if not origin.startswith(f"{self.package}.")]

    def entries(self) -> list[Entry]:
        """Return what a list says of each."""
        return [self.describe(name) for name in self.names()]

    def describe(self, name: str) -> Entry:
        """Return name, origin and summary of one. Raises RegistryError with a suggestion."""
        found, origin = self.find(name), self.found[name][1]
        return Entry(name, origin, found.summary, given=None, section=getattr(found, "options", None))

    @cached_property
    def found(self) -> dict[str, tuple[T, str]]:
        """Objects with their origins, by name. Raises RegistryError, naming both, where a name is taken twice."""
        module, _, attribute = self.holds.partition(":")
        kind: type[T] = getattr(import_module(module), attribute)
        found: dict[str, tuple[T, str]] = {}
        for origin, value in [*self._built_in(), *self._added()]:
            if not isinstance(value, kind):
                raise RegistryError(f"{origin} is no {attribute}, which a {self.kind} should be.")
            if value.name in found:
                taken = found[value.name][1]
                raise RegistryError(f"{self.kind} '{value.name}' is registered twice: {taken} and {origin}.")
            found[value.name] = value, origin
        return found

    def _built_in(self) -> list[tuple[str, object]]:
        """What the package's modules define; what they import of each other counts once."""
        package = import_module(self.package)
        kind = self.holds.rpartition(":")[2]
        found: dict[int, tuple[str, object]] = {}
        for info in iter_modules(package.__path__, f"{self.package}."):
            for name, value in vars(import_module(info.name)).items():
                if type(value).__name__ == kind:
                    found.setdefault(id(value), (f"{info.name}:{name}", value))
        return list(found.values())

    def _added(self) -> list[tuple[str, object]]:
        added: list[tuple[str, object]] = []
        for point in plugins():
            if point.group == f"pali3kit.{self.kind}":
                try:
                    added.append((point.value, point.load()))
                except (ImportError, AttributeError) as error:
                    told = f"{self.kind} '{point.name}' cannot be imported from {point.value}: {error}"
                    raise RegistryError(told) from error
        return added


BENCHMARK: Catalogue[Benchmark] = Catalogue(
    "benchmark", "pali3kit.benchmarks", "pali3kit.benchmarks.benchmark:Benchmark"
)
STAGE: Catalogue[StageKind] = Catalogue("stage", "pali3kit.plan.kinds", "pali3kit.plan.kinds.kind:StageKind")

CATALOGUES: dict[str, Registry[Any] | Catalogue[Any]] = {**KINDS, "benchmark": BENCHMARK, "stage": STAGE}
"""All that can be listed and shown, by kind."""
