"""Catalogues of descriptive objects by name: benchmarks and kinds of stages.

A catalogue finds its built-in objects by importing all modules of its package; there is no list of them. Plug-ins add
objects by entry points: group `pali3kit.<kind>`, value = `package.module:OBJECT`. These modules must not import torch,
as `check` and `list` import them. A plug-in that cannot be loaded is an error only when its name is looked up.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pali3kit.declared.entry import RegistryEntry
from pali3kit.entry_points import plugins, refusal
from pali3kit.errors import RegistryError, choose, first_line
from pali3kit.registry import KINDS, Registry

if TYPE_CHECKING:
    from pali3kit.benchmarks.benchmark import Benchmark
    from pali3kit.plan.kinds.kind import StageKind


class _Described(Protocol):
    """An object of a catalogue."""

    @property
    def name(self) -> str: ...

    @property
    def summary(self) -> str: ...


T = TypeVar("T", bound=_Described)


class Catalogue(Generic[T]):
    """The objects of the class `holds` (`package.module:Class`) in the modules of `package`, and those of plug-ins."""

    def __init__(self, kind: str, package: str, holds: str) -> None:
        self.kind, self.package, self.holds = kind, package, holds

    def names(self) -> list[str]:
        """Return the names of all usable objects, in alphabetical order."""
        return sorted(self.found)

    def find(self, name: str) -> T:
        """Return the object called `name`. Raises RegistryError with the nearest name, or with why it is unusable."""
        if name in self.found:
            return self.found[name][0]
        if name in self.broken:
            raise RegistryError(self.broken[name].wrong)
        raise RegistryError(f"unknown {self.kind} '{name}'.{choose(name, self.found)}")

    def all(self) -> list[T]:
        """Return all objects, in alphabetical order of their names."""
        return [self.found[name][0] for name in self.names()]

    def plugins(self) -> list[T]:
        """Return the objects of plug-ins."""
        return [found for found, origin in self.found.values() if not origin.startswith(f"{self.package}.")]

    def entries(self) -> list[RegistryEntry]:
        """Return the entries of all objects for `list`, including unusable ones."""
        entries = [*map(self.describe, self.found), *self.broken.values()]
        return sorted(entries, key=lambda entry: entry.name)

    def describe(self, name: str) -> RegistryEntry:
        """Return the entry of one object: name, origin and summary. Raises RegistryError as `find` does."""
        found, origin = self.find(name), self.found[name][1]
        return RegistryEntry(name, origin, found.summary, given=None, section=getattr(found, "options", None))

    @property
    def found(self) -> dict[str, tuple[T, str]]:
        """The objects and their origins by name. Raises RegistryError, naming both origins, if two have one name."""
        return self._loaded[0]

    @property
    def broken(self) -> dict[str, RegistryEntry]:
        """The unusable plug-ins, by the names of their entry points."""
        return self._loaded[1]

    @cached_property
    def _loaded(self) -> tuple[dict[str, tuple[T, str]], dict[str, RegistryEntry]]:
        module, _, attribute = self.holds.partition(":")
        kind: type[T] = getattr(import_module(module), attribute)
        found: dict[str, tuple[T, str]] = {}
        broken: dict[str, RegistryEntry] = {}
        for origin, value in self._built_in(kind):
            self._refuse_second(value.name, origin, found, broken)
            found[value.name] = value, origin
        for point in plugins():
            if point.group == f"pali3kit.{self.kind}":
                self._refuse_second(point.name, point.value, found, broken)
                try:
                    found[point.name] = self._load(point, kind), point.value
                except RegistryError as error:
                    broken[point.name] = RegistryEntry(point.name, point.value, given=None, wrong=str(error))
        return found, broken

    def _refuse_second(
        self, name: str, origin: str, found: dict[str, tuple[T, str]], broken: dict[str, RegistryEntry]
    ) -> None:
        if name in found or name in broken:
            taken = found[name][1] if name in found else broken[name].origin
            raise RegistryError(f"{self.kind} '{name}' is registered twice: {taken} and {origin}.")

    def _built_in(self, kind: type[T]) -> list[tuple[str, T]]:
        """The objects that the package's modules define, each once, also if another module imports it."""
        package = import_module(self.package)
        found: dict[int, tuple[str, T]] = {}
        for info in iter_modules(package.__path__, f"{self.package}."):
            for name, value in vars(import_module(info.name)).items():
                if isinstance(value, kind):
                    found.setdefault(id(value), (f"{info.name}:{name}", value))
        return list(found.values())

    def _load(self, point: EntryPoint, kind: type[T]) -> T:
        """Import the object of a plug-in. Raises RegistryError for every exception in its module."""
        try:
            value = point.load()
        except Exception as error:
            raise RegistryError(refusal(point, f"{type(error).__name__}: {first_line(error)}")) from error
        if not isinstance(value, kind):
            raise RegistryError(refusal(point, f"it is not a {kind.__name__}, as a {self.kind} should be"))
        if value.name != point.name:
            raise RegistryError(refusal(point, f"its name is '{value.name}'"))
        return value


BENCHMARK: Catalogue[Benchmark] = Catalogue(
    "benchmark", "pali3kit.benchmarks", "pali3kit.benchmarks.benchmark:Benchmark"
)
STAGE: Catalogue[StageKind] = Catalogue("stage", "pali3kit.plan.kinds", "pali3kit.plan.kinds.kind:StageKind")

CATALOGUES: dict[str, Registry[Any] | Catalogue[Any]] = {**KINDS, "benchmark": BENCHMARK, "stage": STAGE}
"""All registries and catalogues, by kind, for `list` and `show`."""
