"""The exceptions of pali3kit. A message says what is wrong, where, and what the nearest valid choice is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

MOST_LETTERS = 100  # of a quoted text; for a longer word no similar one is suggested


class Pali3Error(Exception):
    """Base class of all exceptions that pali3kit raises."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem in a configuration; `where` is `file:line` or the text of the override."""

    where: str
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


class ConfigError(Pali3Error):
    """A configuration is invalid. `problems` holds all problems found, not only the first."""

    def __init__(self, problems: Iterable[Problem | str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class RegistryError(Pali3Error):
    """A component is unknown, registered twice, or cannot be imported."""


class DataError(Pali3Error):
    """A record, an image, a text or an archive cannot be used."""


class StorageError(Pali3Error):
    """Files behind a URL cannot be read now; what is read from them is not left out, so that results stay the same."""


class RefusedError(StorageError):
    """A server refuses access. S3 refuses so too where a file is not there and the caller may not list its folder."""


class WeightsError(Pali3Error):
    """Weights are missing, damaged, unsafe to load, or do not fit the module."""


class StageError(Pali3Error):
    """A stage cannot run or produced something unusable (a loss that is not finite, an all-masked sample)."""


def nearest(word: str, choices: Iterable[str]) -> str:
    """Suggest the choice closest to `word`: `" Did you mean 'x'?"`, or `""` if none is close."""
    return _nearest(word, tuple(choices)) if len(word) <= MOST_LETTERS else ""


@lru_cache(4096)
def _nearest(word: str, choices: tuple[str, ...]) -> str:
    close = get_close_matches(word, choices, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def choose(word: str, choices: Iterable[str]) -> str:
    """Like `nearest`, but list all choices if none is close: `" Choose from a, b."`."""
    choices = sorted(choices)
    return nearest(word, choices) or (f" Choose from {', '.join(choices)}." if choices else "")


def brief(text: str, most: int = MOST_LETTERS) -> str:
    """A text shortened for quoting in a message, with control characters and lone surrogates escaped."""
    shown = text if len(text) <= most else f"{text[:most]}…"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in shown)


def counted(count: float, noun: str) -> str:
    """A number of things; one of them without the plural's s: "1 run", "2 runs"."""
    number = f"{count:g}" if isinstance(count, float) else str(count)
    return f"{number} {noun}{'s' * (count != 1)}"


def first_line(error: Exception) -> str:
    """The first line of an exception's message, or its type if it has none: other libraries add long advice."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
