"""What a reader leaves out of its files: entries that are wrong, few of them, and what its format says is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pali3kit.data.fields import field, shown
from pali3kit.data.reader import Files
from pali3kit.data.records import too_many
from pali3kit.errors import DataError

MOST = 0.05  # of the entries of a list: past that it is another format, or damaged
Located = tuple[str, Mapping[str, object]]  # a place, `file: name[3]`, and what stands there
T = TypeVar("T")
K = TypeVar("K")


class LeftOut:
    """Counts it and says where it stood."""

    def __init__(self) -> None:
        self._faults: list[str] = []
        self._notes: dict[str, list[str]] = {}

    def note(self, what: str, where: str) -> None:
        """Something that is none by its format, as a blank caption."""
        self._notes.setdefault(what, []).append(where)

    def fault(self, error: DataError) -> None:
        """An entry that belongs nowhere. One that belongs to a picture is that record's error instead."""
        self._faults.append(str(error))

    def told(self) -> list[str]:
        """A line for each wrong entry, and one for each kind of the others."""
        return [*self._faults, *(f"{at[0]}: {what} is left out, one of {len(at)}" for what, at in self._notes.items())]

    def sound(self, record: Mapping[str, object], name: str, where: str) -> Iterator[Located]:
        """The mappings in the list `record[name]`, each with its place; others are faults.

        Raises:
            DataError: the field is no list, or more than `MOST` of it are faults, those of the loop's body included.
        """
        listed = field(record, name, list, where)
        for _, at, entry in self._sound(enumerate(listed), len(listed), f"{where}: {name}"):
            yield at, entry

    def sound_items(self, record: Mapping[str, object], name: str, where: str) -> Iterator[tuple[str, Located]]:
        """The same of a mapping to mappings, with their keys."""
        told = field(record, name, dict, where)
        for key, at, entry in self._sound(told.items(), len(told), f"{where}: {name}"):
            yield key, (at, entry)

    def _sound(
        self, entries: Iterable[tuple[K, object]], count: int, where: str
    ) -> Iterator[tuple[K, str, Mapping[str, object]]]:
        before = len(self._faults)
        for key, entry in entries:
            at = f"{where}[{key}]"
            if isinstance(entry, dict):
                yield key, at, entry
            else:
                self.fault(DataError(f"{at}: this should be a mapping, not {shown(entry)}."))
        self.judge(before, count)

    @property
    def faults(self) -> int:
        """How many entries are wrong so far."""
        return len(self._faults)

    def judge(self, before: int, seen: int) -> None:
        """Raises DataError where more than `MOST` of `seen` entries are faults, not counting those `before` them."""
        wrong = len(self._faults) - before
        if too_many(wrong, seen, MOST):
            others = f" So are {wrong - 1} more of {seen}." if wrong > 1 else ""
            raise DataError(f"{self._faults[before]}{others}")


class LeavingOut(Files):
    """Files of which something may be `left` out, which is told."""

    def __init__(self, *files: Path) -> None:
        super().__init__(*files)
        self.left = LeftOut()

    @property
    def damages(self) -> Sequence[str]:
        return self.left.told()


def usable(found: list[T | DataError], none: str) -> list[T | DataError]:
    """Records, or what is wrong with them, as they are. Raises DataError, the first one's, where not one is good."""
    if all(isinstance(one, DataError) for one in found):
        raise DataError(str(next(iter(found), none)))
    return found


def good(found: T | DataError) -> T:
    """A record. Raises DataError where there is an error in its place."""
    if isinstance(found, DataError):
        raise DataError(str(found))
    return found
