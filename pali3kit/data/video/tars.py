"""Videos that are members of tar shards, read where they lie."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from pali3kit.config.paths import TAR, protocol
from pali3kit.data.members import DamagedTar, named_members
from pali3kit.data.reader import require_path
from pali3kit.data.shard_names import expand_shards
from pali3kit.data.video.decode import FilePart
from pali3kit.errors import DataError
from pali3kit.storage.paths import sizes_and_versions
from pali3kit.storage.remote import RemotePath


class VideoTars:
    """The videos in tars by their names, which are their paths in there; a folder that all are in may be left out.

    Of several members with one name the first is read. Headers are read when `damages` or the first video is asked for,
    once in a process and those that are forked from it later.

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
        """What is wrong with the tars. Raises DataError where no file is in them."""
        return self._members.damages

    def find(self, name: str) -> FilePart | None:
        """The member with a name, None where there is none.

        Raises DataError for one that is not in one piece, and where no file is in the tars.
        """
        known = self._members
        place = known.places.get(posixpath.normpath(name))
        place = place or known.places.get(posixpath.normpath(posixpath.join(known.folder, name)))
        if place is None:
            return None
        shard, offset, length = place
        part = FilePart(shard, name, offset, length)
        if length < 0:
            raise DataError(f"{part}: a sparse member: pack it without --sparse")
        return part

    @cached_property
    def _members(self) -> _Members:
        try:
            facts = sizes_and_versions(self.shards)
        except OSError as error:
            raise DataError(f"{error.filename}: {error.strerror}") from error
        found = _members_of(tuple((shard, *each) for shard, each in zip(self.shards, facts, strict=True)))
        if not found.places:
            raise DataError(f"no files in {self.pattern}" + "".join(f"; {damage}" for damage in found.damages[:3]))
        return found


class _Members(NamedTuple):
    """Of each member its tar, and its offset and length there in bytes; the deepest folder that all are in."""

    places: Mapping[str, tuple[Path, int, int]]
    folder: str
    damages: Sequence[str]


@lru_cache(8)
def _members_of(shards: tuple[tuple[Path, int, str], ...]) -> _Members:
    """The members of tars with their sizes and versions; those that have changed are read again."""
    places: dict[str, tuple[Path, int, int]] = {}
    damages: list[str] = []
    with ThreadPoolExecutor() as pool:  # headers lie far apart: most of it is waiting for storage
        for (shard, *_), (found, wrong) in zip(shards, pool.map(_read, (shard for shard, *_ in shards)), strict=True):
            for name, place in found.items():
                places.setdefault(name, (shard, *place))
            damages += wrong
    folders = {posixpath.dirname(name) for name in places}
    return _Members(places, posixpath.commonpath(folders) if folders else "", damages)


def _read(shard: Path) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """The offset and length of each member of a tar, in bytes, and what is wrong with it."""
    found: dict[str, tuple[int, int]] = {}
    damages: list[str] = []
    try:
        for name, offset, length, target in named_members(shard):
            place = (offset, length) if target is None else found.get(target)
            if place:
                found.setdefault(name, place)
            else:
                damages.append(f"{shard}: {name} is a link to {target}, which is no member before it")
    except DamagedTar as error:
        damages.append(f"{shard}: damaged after {len(found)} files: {error}")
    return found, damages


def videos_in(path: str) -> Path | VideoTars:
    """The folder of videos at a path, or those in the tars `a.tar`, `shards/*.tar` or `shards/{000..127}.tar`.

    Raises DataError where there is none.
    """
    return VideoTars(path) if path.endswith(TAR) else require_path(path, "folder")
