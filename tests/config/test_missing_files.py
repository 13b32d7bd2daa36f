"""Paths that options name and that do not exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit import registry
from pali3kit.config.component import Component
from pali3kit.config.missing_files import beside, beside_its_file, is_here, missing_files, not_there


@pytest.mark.parametrize(("globs", "expected"), [(True, {"images"}), (False, {"path", "images"})])
def test_a_file_may_be_a_pattern_and_a_folder_may_not(tmp_path: Path, globs: bool, expected: set[str]) -> None:
    (tmp_path / "a.tsv").touch()
    part = Component(name="tsv", options={"path": f"{tmp_path}/*.tsv", "images": f"{tmp_path}/*"})
    assert set(missing_files(part, registry.SOURCE.describe("tsv"), globs)) == expected


def test_tars_may_be_in_the_place_of_a_folder(tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / f"{number}.tar").touch()
    entry = registry.SOURCE.describe("msrvtt")
    for name, there in {"0.tar": True, "*.tar": True, "{0..1}.tar": True, "": True, "2.tar": False, "0": False}.items():
        part = Component(name="msrvtt", options={"path": str(tmp_path / "0.tar"), "videos": str(tmp_path / name)})
        assert set(missing_files(part, entry)) == (set() if there else {"videos"}), name


def test_a_name_in_other_case_is_suggested_first(tmp_path: Path) -> None:
    (tmp_path / "imagenet1").touch()
    (tmp_path / "ImageNet").touch()
    assert beside(str(tmp_path / "imagenet" / "val")) == " Did you mean 'ImageNet'?"
    assert beside(str(tmp_path / "qqq")) == ""


def test_a_relative_path_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is relative to the working folder, not to the experiment's file."""
    (tmp_path / "ImageNet").touch()
    monkeypatch.chdir(tmp_path)
    place = f"It was looked for in the working folder, {tmp_path}."
    assert not_there("file", "qqq") == f"there is no file 'qqq'. {place}"
    assert not_there("folder", "imagenet") == "there is no folder 'imagenet'. Did you mean 'ImageNet'?"
    assert not_there("file", f"{tmp_path}/qqq") == f"there is no file '{tmp_path}/qqq'."


def test_a_path_that_lies_beside_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "own.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    told = " It lies beside this file: write 'sub/own.jsonl', as paths are relative to the working folder."
    assert beside_its_file("own.jsonl", "sub/own.yaml:5") == told
    for path, where in (("other.jsonl", "sub/own.yaml:5"), ("own.jsonl", "command line: path=own.jsonl"), (3, "a:5")):
        assert beside_its_file(path, where) == ""
    (tmp_path / "own.jsonl").touch()  # found, so something else is wrong with it
    assert beside_its_file("own.jsonl", "sub/own.yaml:5") == ""


def test_a_source_is_here_if_all_files_of_all_its_parts_are(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    paths = {"here": f"{tmp_path}/a.jsonl", "there": "s3://lab/a.jsonl", "nowhere": f"{tmp_path}/b.jsonl"}
    sources = {name: Component(name="records", options={"path": path}) for name, path in paths.items()}
    assert [name for name, source in sources.items() if is_here(source)] == ["here"]
    for name, source in sources.items():
        union = Component(name="union", options={"parts": {"a": sources["here"], "b": source}})
        assert is_here(union) == (name == "here")
    assert not is_here(Component(name="unknown"))
