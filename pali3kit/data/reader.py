"""The contract of readers, which turn file formats into records, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol
from unicodedata import normalize

import numpy as np

from pali3kit.config.paths import protocol
from pali3kit.data.record import Record
from pali3kit.errors import DataError, nearest
from pali3kit.images.decode import read_bytes
from pali3kit.storage.cache import local_copy
from pali3kit.storage.paths import folder_here, inside
from pali3kit.storage.remote import AnyPath, RemotePath

SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda name: name.replace("\\", "/"),
    lambda name: normalize("NFC", name),
    lambda name: normalize("NFD", name),
)
"""Variants of a file name: as written, with Windows' separators, with composed (NFC) or decomposed (NFD) accents."""


class Reader(Protocol):
    """The records of some files. Planning a run builds readers too, so nothing is read before it is asked for.

    Attributes:
        version: raised when the code produces other records of the same files, so that results are made anew.
        files: their names and sizes identify the content.
        classes: those that things may have.
        languages: those of the captions.
        damages: what is wrong with whole files, as far as they have been read; tars are read for it.
        image_counts: int `[records]`, how many images each record has; None where each has one.
    """

    version: int

    @property
    def files(self) -> Sequence[AnyPath]: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def languages(self) -> tuple[str, ...]: ...

    @property
    def damages(self) -> Sequence[str]: ...

    @property
    def image_counts(self) -> np.ndarray | None: ...

    def __len__(self) -> int: ...

    def record(self, number: int) -> Record:
        """A record. Raises DataError, which names file, record and field, where it cannot be used."""
        ...


class ReaderDefaults:
    """Defaults for readers: no classes, captions in English, nothing damaged, one image a record."""

    version = 2  # texts on one line, blank captions left out

    @property
    def classes(self) -> tuple[str, ...]:
        return ()

    @property
    def languages(self) -> tuple[str, ...]:
        return ("en",)

    @property
    def damages(self) -> Sequence[str]:
        return ()

    @property
    def image_counts(self) -> np.ndarray | None:
        return None


class Files(ReaderDefaults):
    """The defaults, and files of this machine."""

    def __init__(self, *files: Path) -> None:
        self.files: Sequence[Path] = files


class Subset:
    """Some records of a `reader`, by their numbers; files, classes and languages are those of all."""

    def __init__(self, reader: Reader, numbers: np.ndarray) -> None:
        self.reader, self.numbers = reader, numbers
        self.version, self.files = reader.version, reader.files

    @property
    def classes(self) -> tuple[str, ...]:
        return self.reader.classes

    @property
    def languages(self) -> tuple[str, ...]:
        return self.reader.languages

    @property
    def damages(self) -> Sequence[str]:
        return self.reader.damages

    @property
    def image_counts(self) -> np.ndarray | None:
        counts = self.reader.image_counts
        return None if counts is None else counts[self.numbers]

    def __len__(self) -> int:
        return len(self.numbers)

    def record(self, number: int) -> Record:
        return self.reader.record(int(self.numbers[number]))


def image_in(folder: AnyPath, *names: str) -> Callable[[], bytes]:
    """A function that reads the first of `names` that exists in `folder`. It raises DataError where none does.

    Names come from data files, so one that leads out of the folder is refused; links inside the folder are followed.
    """
    return partial(_read_first, folder, names)


def _read_first(folder: AnyPath, names: Sequence[str]) -> bytes:
    for name in dict.fromkeys(spelt for spell in SPELLINGS for spelt in map(spell, names)):
        try:
            return read_bytes(inside(folder, name))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise DataError(f"{folder}/{name}: {error.strerror}") from error
        except ValueError as error:  # a zero byte, or half a surrogate pair
            raise DataError(f"{folder}: {name!r} is no name of a file: {error}") from error
    others = f", or under {len(names) - 2} other names" if len(names) > 2 else ""
    raise DataError(f"{folder}: there is no image {' or '.join(names[:2])}{others}")


def image_folder(path: str) -> AnyPath:
    """A folder of images, which may be behind a URL: what is there is known when an image is read.

    Raises DataError, with the nearest name, where a folder on this machine does not exist.
    """
    return RemotePath(path) if protocol(path) else require_path(path, "folder")


def require_path(path: str, what: str = "file") -> Path:
    """The path of an existing file or folder; of a file behind a URL, that of its copy in the cache.

    Raises DataError, with the nearest name, where there is none.
    """
    if protocol(path):
        return _copied(path, what)
    found = Path(path).expanduser()
    try:
        if found.is_dir() if what == "folder" else found.is_file():
            return found
        if found.exists():
            raise DataError(f"{found} is a {'file' if what == 'folder' else 'folder'}, where a {what} is expected.")
        beside = [other.name for other in found.parent.iterdir()] if found.parent.is_dir() else []
    except OSError as error:  # a name too long, or a folder that is not for us to read
        raise DataError(f"{path[:100]}: {error.strerror}") from error
    raise DataError(f"there is no {what} {found}.{nearest(found.name, beside)}")


def _copied(url: str, what: str) -> Path:
    remote = RemotePath(url)
    if what == "folder":
        return folder_here(remote, "this folder is read as a whole")
    try:
        return local_copy(remote)
    except FileNotFoundError as error:
        raise DataError(str(error)) from error
