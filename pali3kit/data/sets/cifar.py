"""CIFAR-100 (Krizhevsky 2009): pictures of 32x32 in a hundred classes, as pickles of Python 2 or as plain bytes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.fields import field, mapping
from pali3kit.data.records import digest_files
from pali3kit.data.sets.files import check_index, digest_of
from pali3kit.data.sets.layout import find_root, lines_of, spoken
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED

SIDE = 32
BYTES = 3 * SIDE * SIDE
RECORD = 2 + BYTES  # of the binary layout: coarse label, fine label, picture
Split = tuple[NDArray[np.uint8], list[int]]
"""Pictures `[n,3072]`, red, green and blue one after the other, and fine labels."""


@LABELLED.register("cifar100", "CIFAR-100, cifar-100-python or cifar-100-binary", files=("path",))
class Cifar100:
    """The registry's `cifar100`: fine labels.

    Args:
        path: `cifar-100-python` (`train`, `test`, `meta`), `cifar-100-binary` (`train.bin`, `test.bin`,
            `fine_label_names.txt`), or the folder above.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("cifar-100-python", "cifar-100-binary"), "meta", "fine_label_names.txt")
        pickled = (root / "meta").is_file()
        names = root / ("meta" if pickled else "fine_label_names.txt")
        files = {split: root / (split if pickled else f"{split}.bin") for split in ("train", "test")}
        told = _texts(_read_pickle(names), names) if pickled else [line for _, line in lines_of(names)]
        self.classes = tuple(spoken(name) for name in told)
        read = _pickled if pickled else _binary
        self._splits = {split: _checked(read(file), len(self.classes), file) for split, file in files.items()}
        labels = [of.tobytes() for _, of in self._splits.values()]
        self.digest = digest_of(digest_files(root, [names, *files.values()]), self.classes, labels)

    def content(self, split: str) -> str:
        """That of all: nobody has only one of the splits."""
        return self.digest

    def size(self, split: str) -> int:
        """How many pictures a split has: none in one that there is not."""
        return len(self.labels(split))

    def image(self, split: str, index: int) -> NDArray[np.uint8]:
        """uint8 `[32,32,3]`."""
        check_index(split, index, self.size(split))
        return np.ascontiguousarray(self._splits[split][0][index].reshape(3, SIDE, SIDE).transpose(1, 2, 0))

    def labels(self, split: str) -> NDArray[np.int64]:
        """int64 `[size]`."""
        return self._splits[split][1] if split in self._splits else np.zeros(0, np.int64)

    def relabelled(self, split: str) -> None:
        """None: nobody looked again."""


def _checked(split: Split, classes: int, file: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    pictures, labels = split
    for number, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < classes:
            raise DataError(f"{file}: picture {number} has label {label!r:.40}, of {classes} classes from 0")
    return pictures, np.array(labels, np.int64)


def _binary(file: Path) -> Split:
    data = _bytes(file)
    if not data or len(data) % RECORD:
        raise DataError(f"{file}: {len(data)} bytes are no whole number of records of {RECORD}: is it cut off?")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    return records[:, 2:], records[:, 1].tolist()


def _pickled(file: Path) -> Split:
    content = _read_pickle(file)
    if "data" not in content or not isinstance(content["data"], np.ndarray):
        raise DataError(f"{file}: no field 'data' that is an array")
    pictures, labels = content["data"], field(content, "fine_labels", list, str(file))
    if pictures.dtype != np.uint8 or pictures.shape != (len(labels), BYTES):
        told = f"{pictures.dtype} {list(pictures.shape)}"
        raise DataError(f"{file}: 'data' should be uint8 [{len(labels)}, {BYTES}], one row for each label, not {told}")
    return pictures, labels


def _texts(content: Mapping[str, object], file: Path) -> list[str]:
    names = [_text(name) for name in field(content, "fine_label_names", list, str(file))]
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) < len(names):
        raise DataError(f"{file}: 'fine_label_names' should be texts")
    return texts


class _Arrays(pickle.Unpickler):
    """Plain containers and NumPy's arrays of numbers, by the three names with which NumPy has always written them."""

    NAMES = ("_reconstruct", "ndarray", "dtype")
    MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
    FOUND = (np.empty(0).__reduce__()[0], np.ndarray, np.dtype)

    def find_class(self, module: str, name: str) -> object:
        if module in self.MODULES and name in self.NAMES:
            return self.FOUND[self.NAMES.index(name)]
        raise pickle.UnpicklingError(f"it would load {module}.{name}; only arrays and plain containers are read")


def _read_pickle(file: Path) -> Mapping[str, object]:
    """What a pickle of Python 2 or 3 holds, texts of Python 2 as Latin-1, which arrays' bytes need."""
    data = _bytes(file)
    try:
        content = mapping(_Arrays(io.BytesIO(data), encoding="latin1").load(), str(file))
        return {str(_text(key)): value for key, value in content.items()}
    except DataError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{file}: no pickle of arrays: {error or type(error).__name__}") from error


def _text(value: object) -> object:
    """A text, also where Python 3 has written one of Python 2 again, as bytes."""
    return value.decode("latin1") if isinstance(value, bytes) else value


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; it is part of CIFAR-100") from error
