"""Entries of registries: what is known of a component without importing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypedDict

from pali3kit.declared.options import read_options


class Facts(TypedDict, total=False):
    """Optional arguments of decorators such as `@SOURCE.register(name, summary, files=...)`: see `RegistryEntry`."""

    given: tuple[str, ...]
    annotations: tuple[str, ...]
    attributes: Mapping[str, tuple[str, ...]]
    labelling: tuple[str, ...]
    sizes: str
    titles: Mapping[str, str]
    moments: int
    elementwise: bool
    files: tuple[str, ...]
    folders: tuple[str, ...]
    tars: tuple[str, ...]
    test_options: tuple[str, ...]
    embedded: bool
    endless: bool
    parts: Mapping[str, tuple[str, ...]]
    smallest: int
    drawn: str
    needs: tuple[str, ...]
    option_needs: Mapping[str, tuple[str, ...]]
    extra: str


@dataclass(frozen=True)
class RegistryEntry:
    """What is known of a component without importing it.

    Args:
        name: in YAML; that of a family ends in `/`.
        target: the class or function, or `package.module:attribute`.
        summary: one line for `list`.
        given: arguments that the program passes, and that are therefore no options; None: all of them.
        annotations: kinds of annotations in the records of a source (`config.available_tasks`); None if unknown.
        attributes: what a source tells of its examples, by which scores may be sliced, and the values of each in order,
            `()` where any text is one; None if unknown.
        labelling: the options of a source that only its labels depend on.
        sizes: the table of shapes of its named sizes, as `package.module:attribute`.
        titles: of a set in tables, by the part of a benchmark (`top1`), or "" for all.
        section: the dataclass of its options if they are a section of `stages`.
        moments: the least bytes of state that an optimizer keeps for a parameter; None if unknown.
        elementwise: whether an optimizer updates each number on its own, so that it may be sharded; None if unknown.
        files: the options that name files or folders.
        folders: the options that name folders.
        tars: those of `folders` that may name tars instead.
        test_options: the options of a source of files any of which gives it test images.
        embedded: whether a source is the embedded world or made of it, so that all that is measured on it is embedded.
        endless: whether a source draws its images without an end, so that no union can hold it.
        parts: the parts of a source from which its option `only` chooses, and the annotations of each.
        smallest: the least side of a source's images, pixels.
        drawn: what a source draws in place of public data, as reports say it; "" for others.
        needs: packages that it needs.
        option_needs: packages that it needs if an option is set, by the option.
        extra: the extra that has them; "" for the one that is called like the component.
        wrong: why it cannot be used; "" if it can.
    """

    name: str
    target: str | Callable[..., object]
    summary: str = ""
    given: tuple[str, ...] | None = ()
    annotations: tuple[str, ...] | None = None
    attributes: Mapping[str, tuple[str, ...]] | None = None
    labelling: tuple[str, ...] = ()
    sizes: str | None = None
    titles: Mapping[str, str] | None = None
    section: type | None = None
    moments: int | None = None
    elementwise: bool | None = None
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    tars: tuple[str, ...] = ()
    test_options: tuple[str, ...] = ("test",)
    embedded: bool = False
    endless: bool = False
    parts: Mapping[str, tuple[str, ...]] | None = None
    smallest: int = 0
    drawn: str = ""
    needs: tuple[str, ...] = ()
    option_needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extra: str = ""
    wrong: str = ""

    @property
    def origin(self) -> str:
        """The target as text: `package.module:attribute`."""
        return self.target if isinstance(self.target, str) else f"{self.target.__module__}:{self.target.__qualname__}"

    @property
    def built_in(self) -> bool:
        """Whether it is part of pali3kit, not of a plug-in."""
        return self.origin.startswith("pali3kit.")

    @property
    def path_options(self) -> tuple[str, ...]:
        """The options that hold paths; `pretrained` may hold a tag instead."""
        return (*self.files, *self.folders, "weights", "pretrained")

    @cached_property
    def options(self) -> type | None:
        """A dataclass of its options, with its docstring; None if it has none or its source cannot be read."""
        if self.section is not None or self.given is None:
            return self.section
        return read_options(self.origin, self.name.endswith("/"), self.given)
