"""Videos that are members of tar shards, read where they lie."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pali3kit.config.paths import TAR
from pali3kit.config.urls import without_secrets
from pali3kit.data.members import DamagedTar, named_members, read_shards
from pali3kit.data.reader import image_folder
from pali3kit.data.shard_names import expand_shards
from pali3kit.data.video.decode import FilePart
from pali3kit.durable import write_atomically
from pali3kit.errors import DataError
from pali3kit.storage.blocks import KeptBlocks
from pali3kit.storage.cache import locked
from pali3kit.storage.paths import sizes_and_versions
from pali3kit.storage.remote import AnyPath, RemotePath


class VideoTars:
    """The videos in tars by their names, which are their paths in there; a folder that all are in may be left out.

    Of several members with one name the first is read. Headers are read when `damages` or the first video is asked for,
    once in a process and those that are forked from it later.

    Of tars behind a URL the headers are read once, and each video when it is first asked for; both stay in the cache.

    Raises DataError where no file has the name, or one is missing.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = without_secrets(pattern)
        self.shards = expand_shards(pattern)

    def __str__(self) -> str:
        return self.pattern

    @property
    def damages(self) -> Sequence[str]:
        """What is wrong with the tars. Raises DataError where no file is in them."""
        return self._members.damages

    def find(self, name: str) -> Path | FilePart | None:
        """The member with a name, None where there is none.

        Raises DataError for one that is not in one piece, and where no file is in the tars; StorageError where a server
        does not give it now.
        """
        known = self._members
        place = known.places.get(posixpath.normpath(name))
        place = place or known.places.get(posixpath.normpath(posixpath.join(known.folder, name)))
        if place is None:
            return None
        shard, offset, length = place
        if length < 0:
            raise DataError(f"{shard}: {name}: a sparse member: pack it without --sparse")
        if isinstance(shard, RemotePath):
            return KeptBlocks(shard).part(offset, length)
        return FilePart(shard, name, offset, length)

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

    places: Mapping[str, tuple[AnyPath, int, int]]
    folder: str
    damages: Sequence[str]


@lru_cache(8)
def _members_of(shards: tuple[tuple[AnyPath, int, str], ...]) -> _Members:
    """The members of tars with their sizes and versions; those that have changed are read again."""
    places: dict[str, tuple[AnyPath, int, int]] = {}
    damages: list[str] = []
    for shard, (found, wrong) in read_shards([shard for shard, *_ in shards], _read_or_kept):
        for name, (offset, length) in found.items():
            places.setdefault(name, (shard, offset, length))
        damages += wrong
    folders = {posixpath.dirname(name) for name in places}
    return _Members(places, posixpath.commonpath(folders) if folders else "", damages)


_Found: TypeAlias = tuple[dict[str, tuple[int, int]], list[str]]
"""The offset and length of each member of a tar, in bytes, and what is wrong with it."""


def _read_or_kept(shard: AnyPath) -> _Found:
    """What is in a tar; of one behind a URL it is kept in the cache."""
    if not isinstance(shard, RemotePath):
        return _read(shard)
    file = KeptBlocks(shard).beside("members.json")
    with locked(file):
        if file.is_file():
            kept: _Found = json.loads(file.read_bytes())
            return kept
        found = _read(shard)
        if not found[1]:  # what is wrong may be the server's fault, and pass
            write_atomically(file, json.dumps(found).encode())
        return found


def _read(shard: AnyPath) -> _Found:
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


def videos_in(path: str) -> AnyPath | VideoTars:
    """The folder of videos at a path, or those in the tars `a.tar`, `shards/*.tar` or `shards/{000..127}.tar`.

    Raises DataError where there is none.
    """
    return VideoTars(path) if path.endswith(TAR) else image_folder(path)
