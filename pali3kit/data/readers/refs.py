"""The files of the REFER package: finding the sets, reading their references, and the images held out for tests."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from pali3kit.data.fields import typed
from pali3kit.data.reader import image_folder
from pali3kit.data.readers.coco import Id, read_id
from pali3kit.errors import DataError
from pali3kit.storage.paths import inside
from pali3kit.storage.remote import AnyPath

SETS = {"refer": "refcoco/refs(unc).p", "refer_plus": "refcoco+/refs(unc).p", "refer_g": "refcocog/refs(umd).p"}
"""The file of each set below a common folder, by the task on its expressions."""
GOOGLE_SPLIT = "refs(google).p"  # Google's split, which exists for each set


def find_sets(folder: str) -> dict[str, AnyPath]:
    """The files of the `SETS` in a folder, by their keys; Google's split stands in for a missing one.

    Raises:
        DataError: the folder has none of them.
    """
    root = image_folder(folder)
    files = {name: (file, f"{file.partition('/')[0]}/{GOOGLE_SPLIT}") for name, file in SETS.items()}
    places = {name: [inside(root, file) for file in pair] for name, pair in files.items()}
    found = {name: file for name, pair in places.items() for file in reversed(pair) if file.exists()}
    if not found:
        raise DataError(f"{root} has none of {', '.join(SETS.values())}, nor {GOOGLE_SPLIT} in their place")
    return found


def held_out_images(sets: Mapping[Path, Sequence[object]]) -> frozenset[Id]:
    """COCO ids of the images that any of the sets, references by file, has in a split other than train.

    Other fields of the references may be malformed: an image that is tested on must never be trained on.
    """
    return frozenset(
        read_id(ref, "image_id", f"{path}: refs[{number}]")
        for path, refs in sets.items()
        for number, ref in enumerate(refs)
        if isinstance(ref, dict) and ref.get("split") != "train"
    )


def read_refs(path: Path) -> list[object]:
    """The references in a set's file, unchecked."""
    return typed(_read_plain_pickle(path), list, f"{path}: this")


class _Plain(pickle.Unpickler):
    """Reads numbers, strings, lists, tuples and dicts only; refuses everything that would import a name."""

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it would load {module}.{name}; only plain containers are read")


def _read_plain_pickle(path: Path) -> object:
    """Read a pickle of Python 2 or 3 that holds plain containers only. Raises DataError for any other file."""
    try:
        content: object = _Plain(io.BytesIO(path.read_bytes()), encoding="utf-8", errors="replace").load()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{path}: not a pickle of plain containers: {error or type(error).__name__}") from error
    return content
