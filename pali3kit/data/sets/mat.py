"""MATLAB files, in which labels of older sets are published.

Compressed files, MATLAB's default, have a checksum that reveals damage. Uncompressed ones have none, and wrong bytes in
them may crash SciPy's reader. Truncated files are detected in either case.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import ConfigError, DataError, choose


def read_mat(path: Path, name: str) -> NDArray[np.generic]:
    """Read the array `name`, flattened to one axis.

    Raises:
        ConfigError: SciPy is not installed.
        DataError: the file is missing or damaged, or has no such array.
    """
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ConfigError([f"reading {path} needs scipy: pip install 'pali3kit[sets]'"]) from error
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; it should be a .mat file with '{name}'") from error
    try:
        content = loadmat(io.BytesIO(data), squeeze_me=True)
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"{path}: not a readable .mat file: {error or type(error).__name__}") from error
    if name not in content:
        there = [key for key in content if not key.startswith("__")]
        raise DataError(f"{path}: no array '{name}'.{choose(name, there)}")
    return np.atleast_1d(content[name]).ravel()


def read_structs(path: Path, name: str, *fields: str) -> Iterator[tuple[str, list[object]]]:
    """Yield the fields of each struct in an array, with its place. Raises as `read_mat`, and for a missing field."""
    structs = read_mat(path, name)
    for field in fields:
        if field not in (structs.dtype.names or ()):
            raise DataError(f"{path}: '{name}' has no field '{field}'.{choose(field, structs.dtype.names or ())}")
    for number, struct in enumerate(structs):
        yield f"{path}: {name}[{number}]", [struct[field] for field in fields]


def read_whole_number(value: object, what: str) -> int:
    """A whole number, stored as any numeric type. Raises DataError beginning with `what`, its place and name."""
    found = np.asarray(value)
    if found.size != 1 or found.dtype.kind not in "uif" or found.item() % 1:
        raise DataError(f"{what} should be a whole number, not {str(value)[:40]!r}")
    return int(found.item())
