"""What a command declares, and what it is called with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pali3kit.config.tree import COMMAND_LINE, parse
from pali3kit.errors import ConfigError, Pali3Error, Problem


class UsageError(Pali3Error):
    """The command line is invalid."""


@dataclass(frozen=True, slots=True)
class Call:
    """The words of a command line: arguments, `key=value` settings in their order, and the command's own options."""

    arguments: list[str]
    settings: list[str]
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Command:
    """A command.

    Attributes:
        function: does it and returns the exit code.
        usage: its arguments.
        arguments: the least and the greatest number of arguments.
        settings: what `key=value` sets: keys of an `experiment`, the `cell` of a run's grid, or nothing.
        options: names that may be written `--name value`.
        flags: names that are written `--name`, without a value; their value is "true".
        required: those that must be given.
        prints: whether printing is its only purpose, so that lost output is a failure.
    """

    function: Callable[[Call], int]
    usage: str
    arguments: tuple[int, int] = (1, 1)
    settings: Literal["experiment", "cell", ""] = ""
    options: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    prints: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its options and flags."""
        return (*self.options, *self.flags)

    @property
    def words(self) -> list[str]:
        """What its arguments are called in `usage`, the optional ones left out: `MODEL`, `FILE | NAME`."""
        needed = self.usage.partition("[")[0].partition("--")[0]
        return re.findall(r"[A-Z][\w./]*(?: \| [A-Z][\w./]*)*", needed)


def values_of(settings: Sequence[str]) -> dict[str, Any]:
    """The values of `key=value` settings, as in YAML. Raises ConfigError for one that cannot be read."""
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    for setting in settings:
        key, _, value = setting.partition("=")
        node = parse(value, f"{COMMAND_LINE}{setting}", problems, override=True)
        found[key] = None if node is None else node.plain()
    if problems:
        raise ConfigError(problems)
    return found
