"""Registries of exchangeable components: a name leads to a target that is imported only when it is asked for.

A target is text, `"package.module:attribute"`, so that listing and checking components costs no import of torch. A
component of ours is declared in its own file, by a decorator: `@PROJECTOR.register("linear", "one linear layer")`. A
registry knows the packages, its rooms, in whose source it looks for these. Plug-ins add components through entry
points: group `pali3kit.<kind>`, name = the component's name, value = its target, whose decorator tells the rest.
Options are the keyword arguments of the constructor or factory function, read from its source, less those that the
program itself gives.

A name that ends in `/` is a family: `timm/` answers for `timm/vit_tiny_patch16_224`, and its target gets the rest of
the name as first argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pali3kit.declared.absent import why_absent
from pali3kit.declared.entry import Entry, Facts
from pali3kit.declared.options import same_target
from pali3kit.declared.rooms import facts_of, scan
from pali3kit.entry_points import plugins, refusal
from pali3kit.errors import RegistryError, choose, nearest

if TYPE_CHECKING:
    from torch.optim import Optimizer
    from typing_extensions import Unpack

    from pali3kit.data.sets.contract import CaptionedSet, LabelledSet
    from pali3kit.data.source import Source
    from pali3kit.evals.scores import Scores
    from pali3kit.language.contract import LanguageModel
    from pali3kit.masks.vqvae import MaskVQVAE
    from pali3kit.models.text_tower import TextTower
    from pali3kit.models.towers import Towers
    from pali3kit.projector.contract import Projector
    from pali3kit.vision.contract import VisionEncoder

T = TypeVar("T")
Target = TypeVar("Target", bound=Callable[..., object])

VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Registry(Generic[T]):
    """Components of one kind by name.

    Args:
        kind: what they are; the registry is a constant of that name in capitals.
        rooms: packages whose modules declare some by the decorator, read at the first look-up.
        given: arguments of all of them that are no options, since the program itself gives them; None: it gives all.
    """

    def __init__(self, kind: str, rooms: Sequence[str] = (), given: tuple[str, ...] | None = ()) -> None:
        self.kind = kind
        self.given = given
        self._rooms = tuple(rooms)
        self._entries: dict[str, Entry] = {}
        self._plugins_seen = False

    def add(
        self,
        name: str,
        target: str | Callable[..., object],
        summary: str = "",
        **facts: Unpack[Facts],
    ) -> None:
        """Add a component; see `Entry`. The same one may be added again, as it is when a declared one is imported.

        Raises RegistryError, naming both targets, when the name is another's.
        """
        self._load_declarations()
        self._put(self._entries, Entry(name, target, summary, **facts))

    def _put(self, entries: dict[str, Entry], entry: Entry) -> None:
        """Put a component into a table, with what all of this kind are given."""
        taken = entries.get(entry.name)
        if taken is not None and not same_target(taken.origin, entry.origin):
            raise RegistryError(f"{self.kind} '{entry.name}' is registered twice: {taken.origin} and {entry.origin}.")
        if taken is None or not isinstance(taken.target, str):  # a notebook's cell that is run again brings a new class
            given = None if self.given is None else (*self.given, *(entry.given or ()))
            entries[entry.name] = replace(entry, given=given)

    def register(
        self,
        name: str,
        summary: str = "",
        **facts: Unpack[Facts],
    ) -> Callable[[Target], Target]:
        """Add the decorated class or function under `name`. In a room the arguments must be literals."""

        def decorator(target: Target) -> Target:
            self.add(name, target, summary, **facts)
            return target

        return decorator

    def names(self) -> list[str]:
        """Return the names of all that can be used, in alphabetical order; families end in `/`."""
        return [entry.name for entry in self.entries() if not entry.wrong]

    def entries(self) -> list[Entry]:
        """Return what is known of all components and families, in alphabetical order of their names."""
        self._load()
        return [self._entries[name] for name in sorted(self._entries)]

    @property
    def broken(self) -> dict[str, Entry]:
        """Plug-ins that cannot be used, by the names of their entry points."""
        return {entry.name: entry for entry in self.entries() if entry.wrong}

    def describe(self, name: str) -> Entry:
        """Return what is known of `name` without importing it.

        Raises RegistryError with a suggestion, or with what is wrong with a plug-in of that name.
        """
        self._load()
        prefix = name.partition("/")[0] + "/"
        if name == prefix and prefix in self._entries:
            raise RegistryError(f"'{prefix}' is a family of {self.kind}: say which one, {prefix}NAME.")
        for key in (name, prefix):
            if key in self._entries:
                if self._entries[key].wrong:
                    raise RegistryError(self._entries[key].wrong)
                return self._entries[key]
        names, told = self.names(), f"unknown {self.kind} '{name}'."
        family = nearest(prefix, [each for each in names if each.endswith("/")]) if "/" in name else ""
        raise RegistryError(told + (family or choose(name, names)))

    def get(self, name: str) -> Callable[..., T]:
        """Import and return the target of `name`. Raises RegistryError when that fails."""
        entry = self.describe(name)
        if not isinstance(entry.target, str):
            return cast("Callable[..., T]", entry.target)
        module, _, attribute = entry.target.partition(":")
        try:
            target: Callable[..., T] = getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise RegistryError(f"{self.kind} '{name}' cannot be imported from {entry.target}: {error}") from error
        return target

    def build(self, name: str, *arguments: object, **options: object) -> T:
        """Call the target of `name`. Of a family, the rest of the name is the first argument.

        Raises RegistryError for an option that the target does not take, or that it needs and is not given.
        """
        target = self.get(name)
        rest = name[len(self.describe(name).name) :]
        placed = (rest, *arguments) if rest else arguments
        self._check_call(name, target, placed, options)
        return target(*placed, **options)

    def _check_call(
        self, name: str, target: Callable[..., T], placed: Sequence[object], options: Mapping[str, object]
    ) -> None:
        """A TypeError would name no choice."""
        parameters = signature(target).parameters
        open_ended = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
        for option in () if open_ended else options:
            if option not in parameters:
                raise RegistryError(f"{self.kind} '{name}' takes no option '{option}'.{choose(option, parameters)}")
        try:
            bound = signature(target).bind_partial(*placed, **options).arguments
        except TypeError as error:
            raise RegistryError(f"{self.kind} '{name}' cannot be built: {error}.") from error
        for option, parameter in parameters.items():
            needed = parameter.default is Parameter.empty and parameter.kind not in VARIABLE
            if needed and option not in bound:
                raise RegistryError(f"{self.kind} '{name}' needs the option '{option}'.")

    def _load(self) -> None:
        self._load_declarations()
        if self._plugins_seen:
            return
        entries = dict(self._entries)
        for point in plugins():
            if point.group == f"pali3kit.{self.kind}":
                self._put(entries, self._plugged(point))
        self._entries, self._plugins_seen = entries, True

    def _load_declarations(self) -> None:
        if self._rooms:
            entries = dict(self._entries)
            for target, facts in scan(self._rooms, f"{self.kind.upper()}.register"):
                self._put(entries, Entry(**{"target": target, **facts}))
            self._entries, self._rooms = entries, ()

    def _plugged(self, point: EntryPoint) -> Entry:
        """What the source tells of a plug-in's component, or why it cannot be used."""
        known = Entry(point.name, point.value, "plug-in")
        if why := why_absent(point.value):
            return replace(known, wrong=refusal(point, why))
        try:
            return replace(known, **facts_of(point.name, point.value, f"{self.kind.upper()}.register"))
        except (RegistryError, TypeError) as error:
            return replace(known, wrong=refusal(point, str(error).rstrip(".")))


VISION: Registry[VisionEncoder] = Registry(
    "vision", rooms=("pali3kit.vision", "pali3kit.vision.adapters", "pali3kit.weights"), given=("image_size",)
)
PROJECTOR: Registry[Projector] = Registry(
    "projector", rooms=("pali3kit.projector",), given=("vision_width", "language_width")
)
LANGUAGE: Registry[LanguageModel] = Registry(
    "language", rooms=("pali3kit.language", "pali3kit.language.adapters", "pali3kit.weights"), given=("vocabulary",)
)
MASKS: Registry[MaskVQVAE] = Registry("masks", rooms=("pali3kit.masks", "pali3kit.weights"))
TEXT_TOWER: Registry[TextTower] = Registry(
    "text_tower", rooms=("pali3kit.models",), given=("vocabulary", "length", "out")
)
TOWERS: Registry[Towers] = Registry("towers", rooms=("pali3kit.models",))
SOURCE: Registry[Source] = Registry(
    "source", rooms=("pali3kit.data", "pali3kit.data.readers", "pali3kit.data.world"), given=("image_size",)
)
LABELLED: Registry[LabelledSet] = Registry("labelled", rooms=("pali3kit.data.sets",), given=("image_size",))
CAPTIONED: Registry[CaptionedSet] = Registry("captioned", rooms=("pali3kit.data.sets",), given=("image_size",))
METRIC: Registry[Scores] = Registry("metric", rooms=("pali3kit.evals",), given=None)
OPTIMIZER: Registry[Optimizer] = Registry(
    "optimizer", rooms=("pali3kit.training",), given=("parameters", "learning_rate", "weight_decay", "beta2")
)

KINDS: dict[str, Registry[Any]] = {
    registry.kind: registry
    for registry in (
        VISION, PROJECTOR, LANGUAGE, MASKS, TEXT_TOWER, SOURCE, METRIC, OPTIMIZER,
        LABELLED, CAPTIONED, TOWERS,
    )
}  # fmt: skip
