"""What systems leave in folders is none of the data."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pali3kit.data.visible import walk
from pali3kit.errors import DataError
from pali3kit.storage.paths import hidden


def test_hidden_files_and_folders_are_left_out_and_the_rest_is_sorted(tmp_path: Path) -> None:
    names = ("b/2.jpg", "b/1.jpg", "a.jpg", "b/._1.jpg", ".ipynb_checkpoints/a.jpg", "b/.x/1.jpg", "__MACOSX/b/1.jpg",
             "b/@eaDir/1.jpg/t.jpg")  # fmt: skip
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [(Path(folder).relative_to(tmp_path).as_posix(), files) for folder, files in walk(tmp_path)]
    assert found == [(".", ["a.jpg"]), ("b", ["1.jpg", "2.jpg"])]
    assert hidden("._1.jpg") and hidden("lost+found") and not hidden("1._jpg")


def test_a_folder_that_is_hidden_itself_is_seen_and_links_are_followed_once(tmp_path: Path) -> None:
    root = tmp_path / ".cache"
    root.mkdir()
    (root / "1.jpg").touch()
    (root / "round").symlink_to(root)
    assert [files for _, files in walk(root)] == [["1.jpg"]]


def test_a_folder_that_cannot_be_read_is_told_and_one_that_is_not_there_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cat").mkdir()
    assert list(walk(tmp_path / "none")) == []
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "cat":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(DataError, match="cat: Permission denied"):
        list(walk(tmp_path))
