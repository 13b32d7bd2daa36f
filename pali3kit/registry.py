"""Registries of exchangeable components: they map names to targets that are imported when first used.

A target is text, `"package.module:attribute"`, so that listing and checking components does not import torch. A
built-in component is declared by a decorator in its own file: `@PROJECTOR.register("linear", "one linear layer")`.
A registry searches the source of its packages for these. Plug-ins add components by entry points: group
`pali3kit.<kind>`, name = the component's name, value = its target; the decorator of the target may add more.
Options are the keyword arguments of the constructor or factory function, read from its source, except those that the
program itself passes.

A name that ends in `/` is a family: `timm/` stands for `timm/vit_tiny_patch16_224` and all others, and its target gets
the rest of the name as first argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import EntryPoint
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pali3kit.declared.absent import why_absent
from pali3kit.declared.decorators import arguments_of, scan
from pali3kit.declared.entry import Facts, RegistryEntry
from pali3kit.declared.options import same_target
from pali3kit.entry_points import plugins, refusal
from pali3kit.errors import RegistryError, choose, nearest

if TYPE_CHECKING:
    from lightning.pytorch.callbacks import Callback
    from lightning.pytorch.loggers import Logger
    from lightning.pytorch.profilers import Profiler
    from torch.optim import Optimizer
    from typing_extensions import Unpack

    from pali3kit.data.sets.contract import CaptionedSet, LabelledSet
    from pali3kit.data.source import Source
    from pali3kit.evals.scores import EvalResult, TextScorer
    from pali3kit.language.contract import LanguageModel
    from pali3kit.masks.vqvae import MaskVQVAE
    from pali3kit.models.dual_encoder import DualEncoder
    from pali3kit.models.text_tower import TextTower
    from pali3kit.projector.contract import Projector
    from pali3kit.vision.contract import VisionEncoder

T = TypeVar("T")
Target = TypeVar("Target", bound=Callable[..., object])

VARIABLE = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class Registry(Generic[T]):
    """The components of one kind by name.

    Args:
        kind: of the components; the constant that holds the registry has the same name in capitals.
        packages: whose source is searched for decorators at the first look-up.
        given: arguments that the program passes to all of them, and that are therefore no options; None: all arguments.
    """

    def __init__(self, kind: str, packages: Sequence[str] = (), given: tuple[str, ...] | None = ()) -> None:
        self.kind = kind
        self.given = given
        self._packages = tuple(packages)
        self._entries: dict[str, RegistryEntry] = {}
        self._plugins_seen = False

    def add(
        self,
        name: str,
        target: str | Callable[..., object],
        summary: str = "",
        **facts: Unpack[Facts],
    ) -> None:
        """Add a component; see `RegistryEntry`. Adding it again is no error: its decorator does when it is imported.

        Raises RegistryError, naming both targets, if the name is taken.
        """
        self._load_declarations()
        self._extend([RegistryEntry(name, target, summary, **facts)])

    def _extend(self, new: Iterable[RegistryEntry]) -> None:
        """Add components: all of them, or none if a name is taken."""
        entries = dict(self._entries)
        for entry in new:
            taken = entries.get(entry.name)
            if taken is not None and not same_target(taken.origin, entry.origin):
                both = f"{taken.origin} and {entry.origin}"
                raise RegistryError(f"{self.kind} '{entry.name}' is registered twice: {both}.")
            if taken is None or not isinstance(taken.target, str):  # running a notebook cell again defines a new class
                given = None if self.given is None else (*self.given, *(entry.given or ()))
                entries[entry.name] = replace(entry, given=given)
        self._entries = entries

    def register(
        self,
        name: str,
        summary: str = "",
        **facts: Unpack[Facts],
    ) -> Callable[[Target], Target]:
        """Add the decorated class or function. In the registry's packages the arguments must be literals."""

        def decorator(target: Target) -> Target:
            self.add(name, target, summary, **facts)
            return target

        return decorator

    def names(self) -> list[str]:
        """Return the names of all usable components, in alphabetical order; families end in `/`."""
        return [entry.name for entry in self.entries() if not entry.wrong]

    def entries(self) -> list[RegistryEntry]:
        """Return the entries of all components and families, in alphabetical order of their names."""
        self._load()
        return [self._entries[name] for name in sorted(self._entries)]

    @property
    def broken(self) -> dict[str, RegistryEntry]:
        """The unusable plug-ins, by the names of their entry points."""
        return {entry.name: entry for entry in self.entries() if entry.wrong}

    def describe(self, name: str) -> RegistryEntry:
        """Return the entry of `name` without importing its target.

        Raises RegistryError with the nearest names, or with what is wrong with a plug-in of that name.
        """
        self._load()
        prefix = name.partition("/")[0] + "/"
        if name == prefix and prefix in self._entries:
            raise RegistryError(
                f"'{prefix}' is a family of {self.kind}: write {prefix}NAME, with a name of the family."
            )
        for key in (name, prefix):
            if key in self._entries:
                if self._entries[key].wrong:
                    raise RegistryError(self._entries[key].wrong)
                return self._entries[key]
        names = self.names()
        family = nearest(prefix, [each for each in names if each.endswith("/")]) if "/" in name else ""
        raise RegistryError(f"unknown {self.kind} '{name}'.{family or choose(name, names)}")

    def get(self, name: str) -> Callable[..., T]:
        """Import and return the target of `name`. Raises RegistryError if that fails."""
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
        """Call the target of `name`. That of a family gets the rest of the name as first argument.

        Raises RegistryError for an unknown option, or a required one that is missing.
        """
        target = self.get(name)
        rest = name[len(self.describe(name).name) :]
        placed = (rest, *arguments) if rest else arguments
        self._check_call(name, target, placed, options)
        return target(*placed, **options)

    def _check_call(
        self, name: str, target: Callable[..., T], placed: Sequence[object], options: Mapping[str, object]
    ) -> None:
        """Check the call ahead: Python's TypeError would not list the possible options."""
        parameters = signature(target).parameters
        open_ended = any(each.kind is Parameter.VAR_KEYWORD for each in parameters.values())
        for option in () if open_ended else options:
            if option not in parameters:
                raise RegistryError(f"{self.kind} '{name}' takes no option '{option}'.{choose(option, parameters)}")
        try:
            bound = signature(target).bind_partial(*placed, **options).arguments
        except TypeError as error:
            raise RegistryError(f"{self.kind} '{name}' cannot be built: {error}.") from error
        needed = [
            option
            for option, parameter in parameters.items()
            if parameter.default is Parameter.empty and parameter.kind not in VARIABLE and option not in bound
        ]
        if needed:
            listed = ", ".join(f"'{option}'" for option in needed)
            raise RegistryError(f"{self.kind} '{name}' needs the option{'s' * (len(needed) > 1)} {listed}.")

    def _load(self) -> None:
        self._load_declarations()
        if self._plugins_seen:
            return
        self._extend(self._plugin(point) for point in plugins() if point.group == f"pali3kit.{self.kind}")
        self._plugins_seen = True

    def _load_declarations(self) -> None:
        if self._packages:
            found = scan(self._packages, f"{self.kind.upper()}.register")
            self._extend(RegistryEntry(**{"target": target, **facts}) for target, facts in found)
            self._packages = ()

    def _plugin(self, point: EntryPoint) -> RegistryEntry:
        """The entry of a plug-in's component: with the arguments of its decorator, or why it cannot be used."""
        known = RegistryEntry(point.name, point.value, "plug-in")
        if why := why_absent(point.value):
            return replace(known, wrong=refusal(point, why))
        try:
            return replace(known, **arguments_of(point.name, point.value, f"{self.kind.upper()}.register"))
        except (RegistryError, TypeError) as error:
            return replace(known, wrong=refusal(point, str(error).rstrip(".")))


VISION: Registry[VisionEncoder] = Registry(
    "vision", packages=("pali3kit.vision", "pali3kit.vision.adapters", "pali3kit.weights"), given=("image_size",)
)
PROJECTOR: Registry[Projector] = Registry(
    "projector", packages=("pali3kit.projector",), given=("vision_width", "language_width")
)
LANGUAGE: Registry[LanguageModel] = Registry(
    "language", packages=("pali3kit.language", "pali3kit.language.adapters", "pali3kit.weights"), given=("vocabulary",)
)
MASK_TOKENIZER: Registry[MaskVQVAE] = Registry("mask_tokenizer", packages=("pali3kit.masks", "pali3kit.weights"))
TEXT_TOWER: Registry[TextTower] = Registry(
    "text_tower", packages=("pali3kit.models",), given=("vocabulary", "length", "out")
)
DUAL_ENCODER: Registry[DualEncoder] = Registry("dual_encoder", packages=("pali3kit.models",))
SOURCE: Registry[Source] = Registry(
    "source",
    packages=("pali3kit.data", "pali3kit.data.readers", "pali3kit.data.world", "pali3kit.data.pages"),
    given=("image_size",),
)
LABELLED: Registry[LabelledSet] = Registry("labelled", packages=("pali3kit.data.sets",), given=("image_size",))
CAPTIONED: Registry[CaptionedSet] = Registry("captioned", packages=("pali3kit.data.sets",), given=("image_size",))
TEXT_SCORER: Registry[TextScorer] = Registry("text_scorer", packages=("pali3kit.evals",))
METRIC: Registry[EvalResult] = Registry("metric", packages=("pali3kit.evals",), given=None)
OPTIMIZER: Registry[Optimizer] = Registry(
    "optimizer", packages=("pali3kit.training",), given=("parameters", "learning_rate", "weight_decay", "beta2")
)

LOGGER: Registry[Logger] = Registry("logger", packages=("pali3kit.training",), given=("logged",))
CALLBACK: Registry[Callback] = Registry("callback", packages=("pali3kit.training",))
PROFILER: Registry[Profiler] = Registry("profiler", packages=("pali3kit.training",), given=("logged",))

KINDS: dict[str, Registry[Any]] = {
    registry.kind: registry
    for registry in (
        VISION, PROJECTOR, LANGUAGE, MASK_TOKENIZER, TEXT_TOWER, SOURCE, METRIC, OPTIMIZER,
        LABELLED, CAPTIONED, DUAL_ENCODER, LOGGER, CALLBACK, PROFILER, TEXT_SCORER,
    )
}  # fmt: skip
