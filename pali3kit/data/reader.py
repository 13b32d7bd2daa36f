"""What reads a file format: its records, one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol
from unicodedata import normalize

import numpy as np

from pali3kit.data.record import Record
from pali3kit.errors import DataError, nearest
from pali3kit.images.decode import read_bytes

SPELLINGS: tuple[Callable[[str], str], ...] = (
    str,
    lambda name: name.replace("\\", "/"),
    lambda name: normalize("NFC", name),
    lambda name: normalize("NFD", name),
)
"""How a file's name may be spelt: as it is written, with the slashes of Windows, with accents that are signs or not."""


class Reader(Protocol):
    """The records of some files. It may be built for a plan alone, so it reads nothing before a record is asked for.

    `files` are what its content is known by (names and sizes); `classes` are those that things may have, `languages`
    those of its captions. `damages` tells what is wrong with whole files, as far as they have been read. `version` is
    raised when the code changes what it makes of the same files: results on older records are then made anew.
    `image_counts` (int `[records]`) tells how many images each record has; None where each has one.
    """

    version: int
    files: Sequence[Path]

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
        """A record. Raises DataError, naming file, record and field, for one that cannot be used."""
        ...


class Files:
    """What most readers are: records of some files, without classes, in English, and nothing damaged."""

    version = 2  # texts on one line, blank captions left out

    def __init__(self, *files: Path) -> None:
        self.files: Sequence[Path] = files

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


def picture_in(folder: Path, *names: str) -> Callable[[], bytes]:
    """What reads the first of `names` that is in `folder`; asked for, it raises DataError where there is none.

    Names are what files say: one that leads out of the folder is refused. Links in the folder are its owner's.
    """
    return partial(_read_first, folder, names)


def _read_first(folder: Path, names: Sequence[str]) -> bytes:
    for name in dict.fromkeys(spelt for spell in SPELLINGS for spelt in map(spell, names)):
        path = inside(folder, name)
        try:
            return read_bytes(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise DataError(f"{folder / name}: {error.strerror}") from error
        except ValueError as error:  # a zero byte, or half a surrogate pair
            raise DataError(f"{folder}: {name!r} is no name of a file: {error}") from error
    others = f", or under {len(names) - 2} other names" if len(names) > 2 else ""
    raise DataError(f"{folder}: there is no picture {' or '.join(names[:2])}{others}")


def inside(folder: Path, name: str) -> Path:
    """The path of what a file calls `name`. Raises DataError where that, read as it is written, is not in `folder`."""
    root = os.path.abspath(folder)
    path = os.path.normpath(os.path.join(root, name))
    if not path.startswith(os.path.join(root, "")):
        raise DataError(f"{folder}: {name!r} is no file in it")
    return Path(path)


def existing(path: str, what: str = "file") -> Path:
    """The path of a file or folder that is there. Raises DataError with the nearest one beside it."""
    found = Path(path).expanduser()
    try:
        if found.is_dir() if what == "folder" else found.is_file():
            return found
        beside = [other.name for other in found.parent.iterdir()] if found.parent.is_dir() else []
    except OSError as error:  # a name too long, or a folder that is not for us to read
        raise DataError(f"{path[:100]}: {error.strerror}") from error
    raise DataError(f"there is no {what} {found}.{nearest(found.name, beside)}")
