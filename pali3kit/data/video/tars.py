"""Videos that are members of tar shards, read where they lie."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pali3kit.config.paths import TAR, protocol
from pali3kit.data.reader import require_path
from pali3kit.data.shard_index import ShardIndex
from pali3kit.data.shard_names import expand_shards
from pali3kit.data.video.decode import FilePart
from pali3kit.errors import DataError
from pali3kit.storage.remote import RemotePath


class VideoTars:
    """The videos in tars by their names, which are their paths in there; a folder that all are in may be left out.

    The tars are indexed when the first video is looked for. Of several members with one name the first is read.

    Raises DataError where no file has the name, one is missing, or they are not on this machine.
    """

    def __init__(self, pattern: str) -> None:
        if protocol(pattern):
            raise DataError(f"{RemotePath(pattern)}: tars of videos are read from this machine alone: copy them to it")
        self.pattern = pattern
        self.shards = [Path(str(shard)) for shard in expand_shards(pattern)]

    def __str__(self) -> str:
        return self.pattern

    @property
    def damages(self) -> Sequence[str]:
        """What is wrong with the tars, as far as they have been read."""
        return self._index.damages if "_index" in self.__dict__ else ()

    def find(self, name: str) -> FilePart | None:
        """The member with a name, None where there is none. Raises DataError for one that is not in one piece."""
        place = self._places.get(_spelt(name)) or self._places.get(_spelt(posixpath.join(self._folder, name)))
        if place is None:
            return None
        shard, offset, length = place
        part = FilePart(self.shards[shard], name, offset, length)
        if length < 0:
            raise DataError(f"{part}: a sparse member: pack it without --sparse")
        return part

    @cached_property
    def _index(self) -> ShardIndex:
        return ShardIndex(self.shards)

    @cached_property
    def _places(self) -> dict[str, tuple[int, int, int]]:
        """Of each member the number of its tar, and its offset and length there in bytes."""
        found: dict[str, tuple[int, int, int]] = {}
        numbers = {shard: number for number, shard in enumerate(self.shards)}
        for sample in self._index:
            for ending, place in sample.members.items():
                found.setdefault(f"{sample.key}.{ending}", (numbers[Path(str(sample.shard))], *place))
        return found

    @cached_property
    def _folder(self) -> str:
        """The deepest folder that all members are in."""
        return posixpath.commonpath([posixpath.dirname(name) for name in self._places])


def videos_in(path: str) -> Path | VideoTars:
    """The folder of videos at a path, or those in the tars `a.tar`, `shards/*.tar` or `shards/{000..127}.tar`.

    Raises DataError where there is none.
    """
    return VideoTars(path) if path.endswith(TAR) else require_path(path, "folder")


def _spelt(name: str) -> str:
    """A name as the index of tars spells it: its ending, from the first dot on, in lower case."""
    folder, slash, base = name.rpartition("/")
    stem, dot, ending = base.partition(".")
    return f"{folder}{slash}{stem}{dot}{ending.lower()}"
