"""Files of `records` on this machine, or unions of such: what `check` reads of an experiment's sources.

Other sources may be endless, or take long to read; what is behind a URL is not read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.component import Component
from pali3kit.config.missing_files import is_here
from pali3kit.errors import DataError
from pali3kit.plan.content import has_examples, size_of_split, source_digest

_PURPOSE = {"train": "to train on", "test": "to test on"}
"""What the images of each split are for, in messages."""
_RECORDS = "records"


@dataclass(frozen=True)
class OwnFiles:
    """What there is in a source of such files; nothing in any other source."""

    source: Component

    @property
    def are_here(self) -> bool:
        """Whether the source is a file of `records` that lies here, or a union of such files."""
        return all(part.name == _RECORDS for part in self.source.parts.values() or [self.source]) and is_here(
            self.source
        )

    def images(self, split: str) -> int:
        """How many images a split has, 0 where there is none. Raises DataError where the files cannot be read."""
        parts = self.source.parts or [""]
        return sum(size_of_split(self.source, split, part) or 0 for part in parts) if self.are_here else 0

    def unreadable(self, key: str) -> Iterator[KeyProblem]:
        """Why the files cannot be read: one problem for each, at its own key below the source's `key`."""
        for name, part in (self.source.parts or {"": self.source}).items() if self.are_here else ():
            at = f"{key}.parts.{name}" if name else key
            try:
                source_digest(part)  # which opens this part alone
                for split in _PURPOSE:
                    size_of_split(self.source, split, name)
            except DataError as error:
                yield at, f"{at}: {error}"

    def lacking(self, tasks: Iterable[str], split: str, count: int) -> list[str]:
        """The tasks of which the first `count` images of a split have no example; none where there are no images."""
        there = min(count, self.images(split))
        return [task for task in tasks if task and there and not has_examples(self.source, task, split, there)]

    def none(self, split: str, count: int) -> str:
        """What messages say where none of the first `count` images of a split has something."""
        return f"none of the {min(count, self.images(split))} images {_PURPOSE[split]} of {self.name(split)}"

    def name(self, split: str) -> str:
        """What messages call the file of a split."""
        return str(self.source.options.get(split) or self.source.options.get("path") or f"the {self.source.name}")
