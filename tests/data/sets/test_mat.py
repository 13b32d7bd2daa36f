"""MATLAB's files."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from pali3kit.data.sets.mat import read_mat, read_structs, read_whole_number
from pali3kit.errors import ConfigError, DataError


def cells(*values: object) -> np.ndarray:
    array = np.empty((1, len(values)), object)
    array[0] = values
    return array


@pytest.mark.parametrize("names", [("one",), ("one", "two and more")])
def test_arrays_have_one_axis(tmp_path: Path, names: tuple[str, ...]) -> None:
    file = tmp_path / "meta.mat"
    savemat(file, {"class_names": cells(*names)})
    assert read_mat(file, "class_names").tolist() == list(names)


@pytest.mark.parametrize("count", [1, 3])
def test_structs(tmp_path: Path, count: int) -> None:
    file = tmp_path / "annos.mat"
    structs = np.array([[(f"{n}.jpg", n) for n in range(count)]], [("fname", object), ("class", object)])
    savemat(file, {"annotations": structs})
    found = [
        (where, str(name), read_whole_number(label, where))
        for where, (name, label) in read_structs(file, "annotations", "fname", "class")
    ]
    assert found == [(f"{file}: annotations[{n}]", f"{n}.jpg", n) for n in range(count)]
    with pytest.raises(DataError, match=r"annos\.mat: 'annotations' has no field 'klass'\. Did you mean 'class'\?"):
        list(read_structs(file, "annotations", "klass"))
    with pytest.raises(DataError, match=r"annos\.mat: no array 'annotation'\. Did you mean 'annotations'\?"):
        list(read_structs(file, "annotation", "class"))


def test_whole_numbers() -> None:
    for value in (7, np.uint8(7), np.array(7.0), np.array([[7]], np.int16)):
        assert read_whole_number(value, "it") == 7
    for value, expected in ((7.5, "'7.5'"), ("7", "'7'"), (np.array([]), r"'\[\]'"), (np.array([1, 2]), r"'\[1 2\]'")):
        with pytest.raises(DataError, match=f"it should be a whole number, not {expected}"):
            read_whole_number(value, "it")


def test_damaged_files(tmp_path: Path) -> None:
    file = tmp_path / "meta.mat"
    with pytest.raises(
        DataError, match=r"meta\.mat: No such file or directory; it should be a \.mat file with 'names'"
    ):
        read_mat(file, "names")
    savemat(file, {"names": cells("a" * 500, "b")})
    whole = file.read_bytes()
    for cut in (0, 50, 140, len(whole) // 2, len(whole) - 3):
        file.write_bytes(whole[:cut])
        with pytest.raises(DataError, match=r"meta\.mat: not a readable \.mat file: "):
            read_mat(file, "names")


def test_a_wrong_byte_breaks_the_checksum(tmp_path: Path) -> None:
    file = tmp_path / "meta.mat"
    savemat(file, {"names": cells("one", "two")}, do_compression=True)
    data = bytearray(file.read_bytes())
    data[-20] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match=r"meta\.mat: not a readable \.mat file: "):
        read_mat(file, "names")


def test_scipy_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ConfigError, match=r"meta\.mat needs scipy: pip install 'pali3kit\[sets\]'"):
        read_mat(tmp_path / "meta.mat", "names")
