"""Building blocks of published layouts."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from pali3kit.data.sets.layout import (
    _images_in,
    class_folders,
    find_file,
    find_root,
    images_by_class,
    parse_number,
    read_columns,
    read_nonblank_lines,
    readable_name,
)
from pali3kit.errors import DataError


def test_a_root_is_the_folder_or_one_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dtd" / "dtd" / "labels").mkdir(parents=True)
    expected = tmp_path / "dtd" / "dtd"
    for path in (expected, tmp_path / "dtd", tmp_path):
        assert find_root(str(path), ("dtd", "dtd/dtd"), "labels") == expected
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_root("~/dtd/dtd", (), "labels") == expected
    with pytest.raises(DataError, match=r"dtd: labels or lists not found in it or in its dtf$"):
        find_root("~/dtd", ("dtf",), "labels", "lists")
    with pytest.raises(DataError, match=r"there is no folder .*/dtf\. Did you mean 'dtd'\?"):
        find_root("~/dtf", (), "labels")


def test_lists_of_other_programs(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    for data in ("\ufeffa 1\r\nb 2".encode(), "a 1\nb 2".encode("utf-16"), b"a 1\rb 2\r", gzip.compress(b"a 1\nb 2\n")):
        file.write_bytes(data)
        assert [row for _, row in read_columns(file, "name number")] == [["a", "1"], ["b", "2"]]
    for data, message in (
        (gzip.compress(b"a 1\n", mtime=0)[:-4], "damaged"),
        (b"\xfd7zXZ\0", "packed with xz"),
        (bytes(99), "UTF-16"),
    ):
        file.write_bytes(data)
        with pytest.raises(DataError, match=rf"list\.txt: .*{message}.*; this layout requires it"):
            list(read_columns(file, "name number"))


def test_files_of_operating_systems_are_ignored(tmp_path: Path, image: Callable[..., Path]) -> None:
    for name in (
        "ape/1.jpg",
        "ape/._1.jpg",
        "ape/.x/1.jpg",
        "__MACOSX/1.jpg",
        "@eaDir/1.jpg",
        ".ipynb_checkpoints/1.jpg",
    ):
        image(tmp_path / name)
    assert class_folders(tmp_path) == ["ape"] and _images_in(tmp_path, "ape") == ["ape/1.jpg"]


def test_a_file_may_be_named_by_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    with pytest.raises(DataError, match=r"there is no file .*captions\.jsonl"):
        find_file(str(tmp_path), "captions.jsonl")
    file.touch()
    assert find_file(str(tmp_path), "captions.jsonl") == find_file(str(file), "other") == file


def test_rows(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("1 a\n\n2   b \n3\n")
    rows = read_columns(file, "number name")
    assert next(rows) == (f"{file}:1", ["1", "a"]) and next(rows) == (f"{file}:3", ["2", "b"])
    with pytest.raises(DataError, match=r"list\.txt:4: expected 'number name', not '3'"):
        next(rows)
    with pytest.raises(DataError, match=r"gone\.txt: No such file or directory; this layout requires it"):
        next(read_columns(tmp_path / "gone.txt", "number"))


def test_whole_numbers() -> None:
    assert parse_number("37", 37, "it") == 37
    for word in ("38", "0", "-1", "1.5", "²", "", "9" * 5000):
        with pytest.raises(DataError, match=f"it should be a number from 1 to 37, not '{word[:40]}'"):
            parse_number(word, 37, "it")


def test_images_by_class(tmp_path: Path, image: Callable[..., Path]) -> None:
    for name in ("b/2.png", "b/1.JPG", "a/deep/3.png", "a/4.tif", "a/z.png", ".hidden/5.png", "empty/notes.txt"):
        image(tmp_path / name)
    assert _images_in(tmp_path, "a") == ["a/4.tif", "a/z.png", "a/deep/3.png"]
    assert class_folders(tmp_path) == ["a", "b", "empty"]
    names, labels = images_by_class(tmp_path, ["a", "b"])
    assert names == ["a/4.tif", "a/z.png", "a/deep/3.png", "b/1.JPG", "b/2.png"] and labels == [0, 0, 0, 1, 1]
    with pytest.raises(DataError, match=r"no images in its folders: names should end with \.bmp, "):
        images_by_class(tmp_path, ["empty"])
    with pytest.raises(DataError, match=r"empty: it should have a subfolder for each class, but has none"):
        class_folders(tmp_path / "empty")
    with pytest.raises(DataError, match=r"gone: No such file or directory; it should have a subfolder for each class"):
        class_folders(tmp_path / "gone")


def test_readable_names() -> None:
    assert readable_name("aquarium_fish") == "aquarium fish" and readable_name("_a__b") == "a b"


def test_a_line_ends_nowhere_but_at_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\u2028b\x85c 1\r\n\ufeffd 2\re 3\n", newline="")
    assert [line for _, line in read_nonblank_lines(tmp_path / "a.txt")] == ["a\u2028b\x85c 1", "d 2", "e 3"]
