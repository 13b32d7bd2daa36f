"""MATLAB's files, in which labels of older sets are published.

MATLAB compresses what it writes, with a checksum that tells damage. A file that is not compressed has none, and wrong
bytes in it may crash SciPy, whose reader trusts them; one that is cut off is told in either case.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import ConfigError, DataError, choose


def read_mat(path: Path, name: str) -> NDArray[np.generic]:
    """The array called `name`, with one axis.

    Raises:
        ConfigError: SciPy is not installed.
        DataError: no such file, it is damaged, or has no such array.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ConfigError([f"{path} is read by scipy: pip install 'pali3kit[sets]'"]) from error
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; expected is a .mat file with '{name}'") from error
    try:
        content = loadmat(io.BytesIO(data), squeeze_me=True)
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"{path}: no readable .mat file: {error or type(error).__name__}") from error
    if name not in content:
        there = [key for key in content if not key.startswith("__")]
        raise DataError(f"{path}: no array '{name}'.{choose(name, there)}")
    return np.atleast_1d(content[name]).ravel()


def read_structs(path: Path, name: str, *fields: str) -> Iterator[tuple[str, list[object]]]:
    """The fields of each struct in an array, with its place. Raises as `read_mat`, and for a field that is missing."""
    structs = read_mat(path, name)
    for field in fields:
        if field not in (structs.dtype.names or ()):
            raise DataError(f"{path}: '{name}' has no field '{field}'.{choose(field, structs.dtype.names or ())}")
    for number, struct in enumerate(structs):
        yield f"{path}: {name}[{number}]", [struct[field] for field in fields]


def whole_number(value: object, what: str) -> int:
    """A number, which MATLAB may have written as one of any type. Raises DataError, `what` being its place and name."""
    found = np.asarray(value)
    if found.size != 1 or found.dtype.kind not in "uif" or found.item() % 1:
        raise DataError(f"{what} should be a whole number, not {str(value)[:40]!r}")
    return int(found.item())
