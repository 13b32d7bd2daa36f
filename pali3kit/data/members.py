"""The members of a tar, as parts of samples or as named files, found from its headers alone.

Python's tarfile reads headers of V7, GNU and POSIX (long names, sparse files). It trusts the sizes in them, so it reads
through a file object that refuses larger reads than a header needs. It stops at the end of an archive, so archives
concatenated behind it are opened one after another.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import count
from typing import Any, BinaryIO, NamedTuple, TypeVar, cast

from pali3kit.errors import StorageError
from pali3kit.storage.paths import hidden, size_of
from pali3kit.storage.remote import AnyPath, open_binary
from pali3kit.text.plain import HEAD, compression_of

BLOCK = 512  # bytes: what tar is made of
MOST_HEADER = 1 << 20  # bytes that a header with a long name or further fields may have
MOST_FIELDS = 1000  # global pax headers of an archive: tarfile copies them to each member
LONGEST = 4096  # characters of a name
MOST_SPARSE = 1 << 28  # bytes of an unpacked sparse member, whose holes take no room in the archive
CHUNK = 1 << 20
_Found = TypeVar("_Found")


class DamagedTar(Exception):
    """A tar cannot be read any further; the message says why."""


class Member(NamedTuple):
    """Where the content of a member lies; `archive` counts the archives that are concatenated in one file."""

    archive: int
    key: str
    ending: str
    offset: int  # of its content; of a sparse member, of its header
    length: int  # in bytes; negative for a sparse member


class MemberLink(NamedTuple):
    """A hard or symbolic link to an earlier member, whose key and ending are `target`."""

    archive: int
    key: str
    ending: str
    target: tuple[str, str] | None
    name: str
    leads_to: str


class NamedMember(NamedTuple):
    """Where the content of a member lies, by its normalised path in the tar, as `Member`.

    Of a link `target` is the path of the member that it leads to.
    """

    name: str
    offset: int
    length: int
    target: str | None = None


def members(shard: AnyPath) -> Iterator[Member | MemberLink]:
    """The complete, visible files of an uncompressed tar whose names have an ending, and links to them.

    Raises:
        DamagedTar: the rest cannot be read.
        StorageError: a server does not give it now.
    """
    return _members(shard, _part)


def named_members(shard: AnyPath) -> Iterator[NamedMember]:
    """The complete, visible files of an uncompressed tar, and links, by their paths. Raises as `members`."""
    return _members(shard, lambda member, archive: _named(member))


def read_shards(shards: Sequence[AnyPath], read: Callable[[AnyPath], _Found]) -> Iterator[tuple[AnyPath, _Found]]:
    """Each shard with what `read` finds in it, several at the same time: headers lie far apart, and most of it is
    waiting for storage.
    """
    with ThreadPoolExecutor() as pool:
        yield from zip(shards, pool.map(read, shards), strict=True)


def _members(shard: AnyPath, part: Callable[[tarfile.TarInfo, int], _Found | None]) -> Iterator[_Found]:
    """What `part` makes of each member and the number of its archive, where it makes something."""
    try:
        with open_binary(shard) as file:
            if kind := compression_of(file.read(HEAD)):
                raise DamagedTar(f"it is packed with {kind}, and samples are read at random: unpack it")
            length = size_of(shard)
            start: int | None = 0
            for number in count():
                if start is None:
                    return
                end = yield from _archive(file, start, length, number, part)
                start = _behind(file, end)
    except OSError as error:
        raise DamagedTar(error.strerror or str(error)) from error


def _archive(
    file: BinaryIO, start: int, length: int, number: int, part: Callable[[tarfile.TarInfo, int], _Found | None]
) -> Generator[_Found, None, int]:
    """Yield what `part` makes of members of the archive that begins at `start`; return where it ends.

    tarfile does not notice that an archive is cut off between two members or in a header. A complete archive ends with
    a block of zeros, which is checked here.
    """
    end = start
    try:
        file.seek(start)
        with tarfile.open(fileobj=_Headers(file), mode="r:") as tar:
            while (member := tar.next()) is not None:
                if tar.offset <= end or member.size < 0 or len(tar.pax_headers) > MOST_FIELDS:
                    raise DamagedTar(f"the header at byte {end} makes no sense")
                end = tar.offset
                if (end if member.sparse else member.offset_data + member.size) > length and member.isreg():
                    raise DamagedTar(f"{member.name[:LONGEST]} is cut off")
                if len(member.name) > LONGEST:
                    raise DamagedTar(f"a name of {len(member.name)} characters")
                cast(Any, tar).members.clear()  # tarfile would keep all members in memory
                if found := part(member, number):
                    yield found
    except (DamagedTar, StorageError):
        raise
    except Exception as error:  # a damaged header may raise anything
        raise DamagedTar(str(error) or type(error).__name__) from error
    file.seek(end)
    if file.read(BLOCK) != bytes(BLOCK):
        raise DamagedTar("it has no end" if end > start else f"what follows its end at byte {start} is no archive")
    return end + BLOCK


def _behind(file: BinaryIO, at: int) -> int | None:
    """Where another archive begins behind the end of one, as in the output of `cat a.tar b.tar`; None for the last."""
    file.seek(at)
    while chunk := file.read(CHUNK):
        if data := chunk.lstrip(b"\0"):
            return at + (len(chunk) - len(data)) // BLOCK * BLOCK
        at += len(chunk)
    return None


class _Headers(io.RawIOBase):
    """A file that refuses to read more at a time than a header may have."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.seek, self.tell = file.seek, file.tell  # type: ignore[method-assign]

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MOST_HEADER:
            raise DamagedTar(f"a header at byte {self.file.tell()} says that it has {size} bytes")
        return self.file.read(size)


def _part(member: tarfile.TarInfo, archive: int) -> Member | MemberLink | None:
    """A member as a part of a sample; None for folders, devices, hidden files and files without an ending."""
    split = _split(member.name)
    if split is None:
        return None
    if member.isreg():
        return Member(archive, *split, *_place(member))
    target = _target(member)
    return None if target is None else MemberLink(archive, *split, _split(target), member.name, member.linkname)


def _named(member: tarfile.TarInfo) -> NamedMember | None:
    """A member by its path; None for folders, devices and hidden files."""
    name = _path(member.name)
    if name is None:
        return None
    if member.isreg():
        return NamedMember(name, *_place(member))
    target = _target(member)
    return None if target is None else NamedMember(name, *_place(member), _path(target) or member.linkname)


def _place(member: tarfile.TarInfo) -> tuple[int, int]:
    """The offset and length of a `Member`."""
    if member.sparse is not None:
        return member.offset, -min(member.size, MOST_SPARSE)
    return member.offset_data, member.size


def _target(member: tarfile.TarInfo) -> str | None:
    """The path in the tar that a hard or symbolic link leads to; None for what is no link."""
    if member.issym():
        return posixpath.normpath(posixpath.join(posixpath.dirname(member.name), member.linkname))
    return member.linkname if member.islnk() else None


def _split(name: str) -> tuple[str, str] | None:
    """`a/b.c/000.seg.PNG` to its sample's key `a/b.c/000` and ending `seg.png`; None if hidden or without an ending."""
    folder, _, base = name.rpartition("/")
    stem, _, ending = base.partition(".")
    above = _visible(folder)
    return (above + stem, ending.lower()) if stem and ending and above is not None else None


def _path(name: str) -> str | None:
    """The normalised path of a file; None if it is hidden."""
    folder, _, base = name.rpartition("/")
    above = _visible(folder)
    return None if not base or hidden(base) or above is None else above + base


@lru_cache(1024)
def _visible(folder: str) -> str | None:
    """The normalised folder, `a/b/` or an empty text; None where it is hidden."""
    parts = [part for part in folder.split("/") if part not in ("", ".")]
    return None if any(map(hidden, parts)) else "".join(f"{part}/" for part in parts)


def read_sparse(file: BinaryIO) -> bytes:
    """The content of the sparse member whose header is next in `file`. Raises OSError if it is damaged or too long."""
    try:
        with tarfile.open(fileobj=file, mode="r:") as tar:
            member = tar.next()
            content = tar.extractfile(member) if member is not None and member.size <= MOST_SPARSE else None
            if content is None:
                raise OSError(f"a sparse member of more than {MOST_SPARSE} bytes")
            return content.read()
    except tarfile.TarError as error:
        raise OSError(f"a damaged sparse member: {error}") from error
