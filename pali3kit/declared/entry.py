"""What is known of a component, without importing it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

from pali3kit.declared.options import read_options


class Facts(TypedDict, total=False):
    """What a declaration may tell beside name and summary; see `Entry`."""

    given: tuple[str, ...]
    tells: tuple[str, ...]
    sizes: str
    titles: Mapping[str, str]
    moments: int
    elementwise: bool
    files: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Entry:
    """What a registry knows of a component.

    `given`: arguments that are no options, since the program itself gives them; None: it gives all of them. `tells`:
    the kinds of annotations that a source's records have (`config.offers`), None where that is unknown. `sizes`: where
    the shapes of named sizes are, `package.module:attribute`. `titles`: what a set is called in tables, by
    the part of a benchmark (`top1`), or "" for all. `section`: the dataclass of its options, where it has one: a
    stage's section of `stages`. Of an optimizer, None where it does not tell: `moments`, the bytes that it keeps of a
    parameter at the least; `elementwise`, whether it treats each number by itself, so that matrices may be sharded.
    `files`, `folders`: the options that name files or folders, and folders alone. `wrong`: why it cannot be used.
    """

    name: str
    target: str | Callable[..., object]
    summary: str = ""
    given: tuple[str, ...] | None = ()
    tells: tuple[str, ...] | None = None
    sizes: str | None = None
    titles: Mapping[str, str] | None = None
    section: type | None = None
    moments: int | None = None
    elementwise: bool | None = None
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    wrong: str = ""

    @property
    def origin(self) -> str:
        """Where the component comes from, as text: `package.module:attribute`."""
        return self.target if isinstance(self.target, str) else f"{self.target.__module__}:{self.target.__qualname__}"

    @property
    def built_in(self) -> bool:
        """Whether it is one of ours and no plug-in."""
        return self.origin.startswith("pali3kit.")

    @cached_property
    def options(self) -> type | None:
        """A dataclass of its options, with its docstring; None where it has none or its source does not tell them."""
        if self.section is not None or self.given is None:
            return self.section
        return read_options(self.origin, self.name.endswith("/"), self.given)
