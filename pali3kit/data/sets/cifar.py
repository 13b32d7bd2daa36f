"""CIFAR-100 (Krizhevsky 2009): images of 32x32 in a hundred classes, as Python 2 pickles or in the binary layout."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.fields import field, mapping
from pali3kit.data.records import digest_files
from pali3kit.data.sets.files import check_index, digest_of
from pali3kit.data.sets.layout import find_root, read_nonblank_lines, readable_name
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED

SIDE = 32
IMAGE_BYTES = 3 * SIDE * SIDE
RECORD_BYTES = 2 + IMAGE_BYTES  # binary layout: coarse label, fine label, image
Split = tuple[NDArray[np.uint8], list[int]]
"""Images `[n,3072]`, the red, green and blue planes one after the other, and fine labels."""


@LABELLED.register("cifar100", "CIFAR-100, cifar-100-python or cifar-100-binary", files=("path",))
class Cifar100:
    """The registry's `cifar100`, with the hundred fine labels.

    Args:
        path: `cifar-100-python` (`train`, `test`, `meta`), `cifar-100-binary` (`train.bin`, `test.bin`,
            `fine_label_names.txt`), or the folder that contains one of them.
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("cifar-100-python", "cifar-100-binary"), "meta", "fine_label_names.txt")
        pickled = (root / "meta").is_file()
        names = root / ("meta" if pickled else "fine_label_names.txt")
        files = {split: root / (split if pickled else f"{split}.bin") for split in ("train", "test")}
        if pickled:
            read_split, raw = _read_pickled_split, _class_names(_read_pickle(names), names)
        else:
            read_split, raw = _read_binary_split, [line for _, line in read_nonblank_lines(names)]
        self.classes = tuple(readable_name(name) for name in raw)
        self._splits = {
            split: _with_checked_labels(read_split(file), len(self.classes), file) for split, file in files.items()
        }
        labels = [split_labels.tobytes() for _, split_labels in self._splits.values()]
        self.digest = digest_of(digest_files(root, [names, *files.values()]), self.classes, labels)

    def content(self, split: str) -> str:
        """The digest of all splits, the same for each, as they are published together."""
        return self.digest

    def size(self, split: str) -> int:
        """Number of images of a split, 0 for one that does not exist."""
        return len(self.labels(split))

    def image(self, split: str, index: int) -> NDArray[np.uint8]:
        """uint8 `[32,32,3]`."""
        check_index(split, index, self.size(split))
        return np.ascontiguousarray(self._splits[split][0][index].reshape(3, SIDE, SIDE).transpose(1, 2, 0))

    def labels(self, split: str) -> NDArray[np.int64]:
        """int64 `[size]`."""
        return self._splits[split][1] if split in self._splits else np.zeros(0, np.int64)

    def relabelled(self, split: str) -> None:
        """None: nobody has published corrected labels, as ReaL has for ImageNet."""


def _with_checked_labels(split: Split, classes: int, file: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The split with its labels as an array. Raises DataError for a label that is not a class."""
    images, labels = split
    for number, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < classes:
            raise DataError(f"{file}: image {number} has label {label!r:.40}, but labels are 0 to {classes - 1}")
    return images, np.array(labels, np.int64)


def _read_binary_split(file: Path) -> Split:
    data = _bytes(file)
    if not data or len(data) % RECORD_BYTES:
        raise DataError(
            f"{file}: {len(data)} bytes are not a multiple of the record size {RECORD_BYTES}: is it truncated?"
        )
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD_BYTES)
    return records[:, 2:], records[:, 1].tolist()


def _read_pickled_split(file: Path) -> Split:
    content = _read_pickle(file)
    if "data" not in content or not isinstance(content["data"], np.ndarray):
        raise DataError(f"{file}: field 'data' should be an array")
    images, labels = content["data"], field(content, "fine_labels", list, str(file))
    if images.dtype != np.uint8 or images.shape != (len(labels), IMAGE_BYTES):
        found = f"{images.dtype} {list(images.shape)}"
        raise DataError(
            f"{file}: 'data' should be uint8 [{len(labels)}, {IMAGE_BYTES}], one row for each label, not {found}"
        )
    return images, labels


def _class_names(content: Mapping[str, object], file: Path) -> list[str]:
    names = [_decoded(name) for name in field(content, "fine_label_names", list, str(file))]
    texts = [name for name in names if isinstance(name, str)]
    if len(texts) < len(names):
        raise DataError(f"{file}: 'fine_label_names' should be strings")
    return texts


class _ArrayUnpickler(pickle.Unpickler):
    """Reads plain containers and NumPy arrays of numbers: a pickled array refers to the names in `ALLOWED` only."""

    MODULES = ("numpy", "numpy.core.multiarray", "numpy._core.multiarray")
    ALLOWED: ClassVar = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}

    def find_class(self, module: str, name: str) -> object:
        if module in self.MODULES and name in self.ALLOWED:
            return self.ALLOWED[name]
        raise pickle.UnpicklingError(f"it would load {module}.{name}; only arrays and plain containers are read")


def _read_pickle(file: Path) -> Mapping[str, object]:
    """Read a pickle of Python 2 or 3, decoding Python 2 strings as Latin-1, which keeps the bytes of arrays."""
    data = _bytes(file)
    try:
        content = mapping(_ArrayUnpickler(io.BytesIO(data), encoding="latin1").load(), str(file))
        return {str(_decoded(key)): value for key, value in content.items()}
    except DataError:
        raise
    except Exception as error:  # a damaged pickle may raise anything
        raise DataError(f"{file}: not a pickle of arrays: {error or type(error).__name__}") from error


def _decoded(value: object) -> object:
    """Decode bytes; return others. Strings are bytes where Python 3 has saved again what Python 2 pickled."""
    return value.decode("latin1") if isinstance(value, bytes) else value


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; it is part of CIFAR-100") from error
