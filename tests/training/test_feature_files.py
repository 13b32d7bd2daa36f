"""Features on disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from pali3kit import durable
from pali3kit.errors import DataError
from pali3kit.training.feature_files import (
    classes_in,
    create_features,
    features_in,
    publish_features,
    read_features,
    rows_in,
)

SHAPES = {
    "features": (np.float32, (3, 2)),
    "labels": (np.int64, (3,)),
    "right": (np.int64, (3,)),
    "right_ends": (np.int64, (3,)),
    "usable": (np.uint8, (3,)),
}


def filled(path: Path, usable: tuple[int, ...] = (1, 1, 1)) -> Path:
    arrays = create_features(path, SHAPES, {"classes": '["a", "ä"]'})
    arrays["features"][:] = [[1, 2], [3, 4], [5, 6]]
    arrays["labels"][:] = [0, 1, 0]
    arrays["right"][:], arrays["right_ends"][:] = [0, 1, 1], [2, 2, 3]
    arrays["usable"][:] = usable
    for array in arrays.values():
        array.flush()
    return path


def test_it_is_a_safetensors_file(tmp_path: Path) -> None:
    loaded = load_file(filled(tmp_path / "test.safetensors"))
    assert loaded["features"].tolist() == [[1, 2], [3, 4], [5, 6]] and loaded["usable"].dtype == np.uint8
    assert loaded["right_ends"].tolist() == [2, 2, 3]


def test_it_is_read_as_a_map_of_the_file(tmp_path: Path) -> None:
    filled(tmp_path / "test.safetensors")
    found = features_in(tmp_path, "test")
    assert isinstance(found.features, np.memmap) and found.features.dtype == np.float32
    assert found.labels is not None and found.labels.tolist() == [0, 1, 0]
    assert found.right == [(0, 1), (), (1,)]
    assert classes_in(tmp_path, "test") == ("a", "ä") and rows_in(tmp_path, "test").tolist() == [0, 1, 2]


def test_images_that_cannot_be_used_are_left_out(tmp_path: Path) -> None:
    publish_features(filled(tmp_path / "test.partial", usable=(1, 0, 1)), tmp_path / "test.safetensors")
    found = features_in(tmp_path, "test")
    assert [path.name for path in tmp_path.iterdir()] == ["test.safetensors"]
    assert isinstance(found.features, np.memmap) and classes_in(tmp_path, "test") == ("a", "ä")
    assert found.features.tolist() == [[1, 2], [5, 6]] and found.right == [(0, 1), (1,)]
    assert found.labels is not None and found.labels.tolist() == [0, 0]
    assert rows_in(tmp_path, "test").tolist() == [0, 2]


@pytest.mark.parametrize("has", [True, False])
def test_room_is_taken_at_once_and_given_back_when_there_is_too_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has: bool
) -> None:
    if not has:
        monkeypatch.delattr(os, "posix_fallocate")  # as on macOS
    path = filled(tmp_path / "test.safetensors")
    assert path.stat().st_blocks * 512 >= path.stat().st_size

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable, "reserve", full)
    with pytest.raises(OSError, match="No space left"):
        create_features(tmp_path / "train.safetensors", SHAPES, {})
    assert list(tmp_path.iterdir()) == [path]


def test_damage_is_told(tmp_path: Path) -> None:
    path = filled(tmp_path / "test.safetensors")
    whole = path.read_bytes()
    path.write_bytes(whole[:-4])
    with pytest.raises(DataError, match=r"test\.safetensors: it is cut off"):
        read_features(path)
    path.write_bytes(b"\x10\0\0\0\0\0\0\0 no JSON at all")
    with pytest.raises(DataError, match="no safetensors file of features"):
        read_features(path)
    with pytest.raises(DataError, match="absent"):
        read_features(tmp_path / "absent")
