"""Entries of an annotation file that a reader skips: malformed ones, up to a limit, and those that are empty."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pali3kit.data.fields import field, shown
from pali3kit.data.reader import Files
from pali3kit.data.records import too_many
from pali3kit.errors import DataError

MAX_BAD = 0.05  # share of a list's entries; with more, the file is damaged or of another format
Located = tuple[str, Mapping[str, object]]  # where an entry stands (`file: name[3]`), and the entry
T = TypeVar("T")
K = TypeVar("K")


class SkippedEntries:
    """Collects the entries that were skipped and why, for the stage's `skipped.txt`."""

    def __init__(self) -> None:
        self._errors: list[str] = []
        self._notes: dict[str, list[str]] = {}

    def note(self, what: str, where: str) -> None:
        """Record an entry that is empty or void by its format, such as a blank caption."""
        self._notes.setdefault(what, []).append(where)

    def add_error(self, error: DataError) -> None:
        """Record a malformed entry that belongs to no known image; if it does, the error is that record's instead."""
        self._errors.append(str(error))

    def messages(self) -> list[str]:
        """One line for each malformed entry, and one for each kind of skipped entry."""
        return [*self._errors, *(f"{at[0]}: {what} is left out, one of {len(at)}" for what, at in self._notes.items())]

    def mappings(self, record: Mapping[str, object], name: str, where: str) -> Iterator[Located]:
        """Yield the mappings in the list `record[name]` with their places; anything else is recorded as malformed.

        Raises:
            DataError: the field is not a list, or more than `MAX_BAD` of its entries are malformed; errors that the
                caller adds while it iterates count too.
        """
        listed = field(record, name, list, where)
        for _, at, entry in self._checked(enumerate(listed), len(listed), f"{where}: {name}"):
            yield at, entry

    def mapping_items(self, record: Mapping[str, object], name: str, where: str) -> Iterator[tuple[str, Located]]:
        """As `mappings`, for a field that is a mapping of mappings: yields the keys too."""
        found = field(record, name, dict, where)
        for key, at, entry in self._checked(found.items(), len(found), f"{where}: {name}"):
            yield key, (at, entry)

    def _checked(
        self, entries: Iterable[tuple[K, object]], count: int, where: str
    ) -> Iterator[tuple[K, str, Mapping[str, object]]]:
        before = len(self._errors)
        for key, entry in entries:
            at = f"{where}[{key}]"
            if isinstance(entry, dict):
                yield key, at, entry
            else:
                self.add_error(DataError(f"{at}: this should be a mapping, not {shown(entry)}."))
        self.check_share(before, count)

    @property
    def num_errors(self) -> int:
        """How many entries were malformed so far."""
        return len(self._errors)

    def check_share(self, before: int, seen: int) -> None:
        """Raise DataError if more than `MAX_BAD` of `seen` entries were malformed since `num_errors` was `before`."""
        wrong = len(self._errors) - before
        if too_many(wrong, seen, MAX_BAD):
            others = f" {wrong - 1} more of {seen} entries are malformed too." if wrong > 1 else ""
            raise DataError(f"{self._errors[before]}{others}")


class SkippingFiles(Files):
    """Base class of readers that skip some entries of their files and report them as `damages`."""

    def __init__(self, *files: Path) -> None:
        super().__init__(*files)
        self.skipped = SkippedEntries()

    @property
    def damages(self) -> Sequence[str]:
        return self.skipped.messages()


def require_any_valid(found: list[T | DataError], if_empty: str) -> list[T | DataError]:
    """Return `found` unchanged. Raises the first DataError in it, or one with `if_empty`, if no entry is valid."""
    if all(isinstance(one, DataError) for one in found):
        raise DataError(str(next(iter(found), if_empty)))
    return found


def valid_or_raise(found: T | DataError) -> T:
    """Return the entry, or raise the DataError that stands in its place."""
    if isinstance(found, DataError):
        raise DataError(str(found))
    return found
