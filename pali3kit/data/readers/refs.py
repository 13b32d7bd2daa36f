"""The REFER package's files: which sets there are, how they are read, and what they test on."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from pali3kit.data.fields import typed
from pali3kit.data.reader import existing
from pali3kit.data.readers.coco import Id, identity
from pali3kit.errors import DataError

SETS = {"refer": "refcoco/refs(unc).p", "refer_plus": "refcoco+/refs(unc).p", "refer_g": "refcocog/refs(umd).p"}
"""The files of the three sets below one folder, by the column that each is measured in."""
OTHER = "refs(google).p"  # the split by Google, which each set has too


def sets_in(folder: str) -> dict[str, Path]:
    """Those of `SETS` that are in a folder, each in Google's split if that alone is there.

    Raises:
        DataError: there is none.
    """
    root = existing(folder, "folder")
    places = {column: (root / file, (root / file).parent / OTHER) for column, file in SETS.items()}
    found = {column: file for column, files in places.items() for file in reversed(files) if file.is_file()}
    if not found:
        raise DataError(f"{root} has none of {', '.join(SETS.values())}, nor {OTHER} in their place")
    return found


def held_out_pictures(folder: str) -> frozenset[Id]:
    """COCO's ids of the pictures that any set in a folder validates or tests on."""
    return frozenset(picture for path in sets_in(folder).values() for picture in tested(read_refs(path), path))


def tested(refs: Sequence[object], path: Path) -> Iterator[Id]:
    """The pictures of references that are not to be trained on, whatever else is wrong with them."""
    for number, ref in enumerate(refs):
        if isinstance(ref, dict) and ref.get("split") != "train":
            yield identity(ref, "image_id", f"{path}: refs[{number}]")


def read_refs(path: Path) -> list[object]:
    """The references of a set."""
    return typed(read_plain_pickle(path), list, f"{path}: this")


class _Plain(pickle.Unpickler):
    """Numbers, texts, lists, tuples and mappings; whatever needs a name to be looked up is refused."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it would load {module}.{name}; only plain containers are read")


def read_plain_pickle(path: Path) -> object:
    """What a pickle of Python 2 or 3 holds, if that is plain containers. Raises DataError for any other file."""
    try:
        content: object = _Plain(io.BytesIO(path.read_bytes()), encoding="utf-8", errors="replace").load()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{path}: no pickle of plain containers: {error or type(error).__name__}") from error
    return content
