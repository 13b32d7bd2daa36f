"""Catalogues of objects that describe themselves: benchmarks and kinds of stages, by name.

A built-in one stands in a module of its own in the catalogue's package, and is found there: no list names it. Plug-ins
add theirs by entry points: group `pali3kit.<kind>`, value = `package.module:OBJECT`. Describing a benchmark or a stage
needs no torch, and their modules must not import it: `check` and `list` read them. A plug-in that cannot be loaded is
an error where its name is asked for, and nowhere else.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pali3kit.declared.entry import Entry
from pali3kit.entry_points import plugins, refusal
from pali3kit.errors import RegistryError, choose, first_line
from pali3kit.registry import KINDS, Registry

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
        """Return the names of all that can be used, in alphabetical order."""
        return sorted(self.found)

    def find(self, name: str) -> T:
        """Return the object called `name`. Raises RegistryError with a suggestion, or with what is wrong with it."""
        if name in self.found:
            return self.found[name][0]
        if name in self.broken:
            raise RegistryError(self.broken[name].wrong)
        raise RegistryError(f"unknown {self.kind} '{name}'.{choose(name, self.found)}")

    def all(self) -> list[T]:
        """Return all objects, in alphabetical order of their names."""
        return [self.found[name][0] for name in self.names()]

    def plugins(self) -> list[T]:
        """Return the objects that plug-ins added."""
        return [found for found, origin in self.found.values() if not origin.startswith(f"{self.package}.")]

    def entries(self) -> list[Entry]:
        """Return what a list says of each, also of those that cannot be used."""
        entries = [*map(self.describe, self.found), *self.broken.values()]
        return sorted(entries, key=lambda entry: entry.name)

    def describe(self, name: str) -> Entry:
        """Return name, origin and summary of one. Raises RegistryError as `find` does."""
        found, origin = self.find(name), self.found[name][1]
        return Entry(name, origin, found.summary, given=None, section=getattr(found, "options", None))

    @cached_property
    def found(self) -> dict[str, tuple[T, str]]:
        """Objects with their origins, by name. Raises RegistryError, naming both, where a name is taken twice."""
        return self._loaded[0]

    @property
    def broken(self) -> dict[str, Entry]:
        """Plug-ins that cannot be used, by the names of their entry points."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[dict[str, tuple[T, str]], dict[str, Entry]]:
        module, _, attribute = self.holds.partition(":")
        kind: type[T] = getattr(import_module(module), attribute)
        found: dict[str, tuple[T, str]] = {}
        broken: dict[str, Entry] = {}
        for origin, value in self._built_in(kind):
            self._refuse_second(value.name, origin, found, broken)
            found[value.name] = value, origin
        for point in plugins():
            if point.group == f"pali3kit.{self.kind}":
                self._refuse_second(point.name, point.value, found, broken)
                try:
                    found[point.name] = self._load(point, kind), point.value
                except RegistryError as error:
                    broken[point.name] = Entry(point.name, point.value, given=None, wrong=str(error))
        return found, broken

    def _refuse_second(self, name: str, origin: str, found: dict[str, tuple[T, str]], broken: dict[str, Entry]) -> None:
        if name in found or name in broken:
            taken = found[name][1] if name in found else broken[name].origin
            raise RegistryError(f"{self.kind} '{name}' is registered twice: {taken} and {origin}.")

    def _built_in(self, kind: type[T]) -> list[tuple[str, T]]:
        """What the package's modules define; what they import of each other counts once."""
        package = import_module(self.package)
        found: dict[int, tuple[str, T]] = {}
        for info in iter_modules(package.__path__, f"{self.package}."):
            for name, value in vars(import_module(info.name)).items():
                if isinstance(value, kind):
                    found.setdefault(id(value), (f"{info.name}:{name}", value))
        return list(found.values())

    def _load(self, point: EntryPoint, kind: type[T]) -> T:
        """Import what a plug-in adds. Raises RegistryError, whatever goes wrong in its module."""
        try:
            value = point.load()
        except Exception as error:
            raise RegistryError(refusal(point, f"{type(error).__name__}: {first_line(error)}")) from error
        if not isinstance(value, kind):
            raise RegistryError(refusal(point, f"it is no {kind.__name__}, which a {self.kind} should be"))
        if value.name != point.name:
            raise RegistryError(refusal(point, f"it calls itself '{value.name}'"))
        return value


BENCHMARK: Catalogue[Benchmark] = Catalogue(
    "benchmark", "pali3kit.benchmarks", "pali3kit.benchmarks.benchmark:Benchmark"
)
STAGE: Catalogue[StageKind] = Catalogue("stage", "pali3kit.plan.kinds", "pali3kit.plan.kinds.kind:StageKind")

CATALOGUES: dict[str, Registry[Any] | Catalogue[Any]] = {**KINDS, "benchmark": BENCHMARK, "stage": STAGE}
"""All that can be listed and shown, by kind."""
