"""Texts in files, one on each line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pali3kit.data.lines import HELD_OUT, LineSource, Skips, find_files, is_held_out
from pali3kit.errors import DataError

RNG = np.random.default_rng(0)


def read(line: bytes) -> str:
    if line == b"bad":
        raise ValueError("it is bad")
    return line.decode()


def fill(root: Path) -> Path:
    """3001 lines in three files, the last without an end; 500 different texts, twice each; the rest is blank or bad."""
    (root / "deep").mkdir(parents=True)
    texts = [f"text\t {i % 500}" for i in range(1000)]
    (root / "a.txt").write_text("".join(f"{text}\n\n \r\n" for text in texts[:900]))
    (root / "deep" / "b.txt").write_text("bad\n" + "\r\n".join(texts[900:]))
    (root / "empty.txt").touch()
    (root / "notes.md").write_text("no text")
    return root


def source(root: Path) -> LineSource:
    return LineSource(str(root), ".txt", read)


def test_every_text_is_given_in_an_order_of_the_seed(tmp_path: Path) -> None:
    texts = list(source(fill(tmp_path)).sentences(3, 16))
    kept = [f"text {i}" for i in range(500) if not is_held_out(f"text {i}")]
    assert sorted(texts) == sorted(2 * kept)
    again = source(tmp_path)
    assert list(again.sentences(3, 16)) == texts == list(again.sentences(3, 16))
    assert list(again.sentences(4, 16)) != texts
    assert list(again.sentences(3, 16, limit=7)) == texts[:7]


def test_held_out_texts_are_never_given(tmp_path: Path) -> None:
    held_out = list(source(fill(tmp_path)).held_out(16))
    assert len(set(held_out)) == len(held_out) / 2 and abs(len(set(held_out)) - 500 / HELD_OUT) < 5 * 3
    for seed in range(3):
        assert not set(held_out) & set(source(tmp_path).sentences(seed, 16))
    assert list(source(tmp_path).held_out(16, limit=1)) == held_out[:1]


def test_bad_lines_are_named_by_file_and_number(tmp_path: Path) -> None:
    lines = source(fill(tmp_path))
    for seed in range(2):
        list(lines.sentences(seed, 16))
    assert list(lines.skips.lines) == [f"{tmp_path}/deep/b.txt:1: it is bad"]


def test_too_many_bad_lines(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("bad\n" * 2000)
    told = r"51 of 51 cannot be used, more than most_bad 0\.05 allows; the first: .*/a\.txt:\d+: it is bad; .*/a\.txt"
    with pytest.raises(DataError, match=told):
        list(source(tmp_path).sentences(0, 16))
    skips = Skips(most=0.5)
    for number in range(500):
        skips.add(str(number))
    with pytest.raises(DataError, match="501 of 0"):
        skips.add("one more")


def test_the_digest_is_that_of_names_and_sizes(tmp_path: Path) -> None:
    before = source(fill(tmp_path)).digest
    assert source(tmp_path).digest == before
    (tmp_path / "c.txt").write_text("new")
    assert source(tmp_path).digest != before


def test_files_by_path_folder_or_glob(tmp_path: Path) -> None:
    fill(tmp_path / "[x]")
    folder = [str(file.relative_to(tmp_path / "[x]")) for file in find_files(str(tmp_path / "[x]"), ".txt")]
    assert folder == ["a.txt", "deep/b.txt", "empty.txt"]
    assert [file.name for file in find_files(str(tmp_path / "*" / "?.txt"), ".txt")] == ["a.txt"]
    assert [file.name for file in find_files(str(tmp_path / "[x]" / "notes.md"), ".txt")] == ["notes.md"]
    with pytest.raises(DataError, match=r"there is no file .*nowhere"):
        find_files(str(tmp_path / "nowhere"), ".txt")
    with pytest.raises(DataError, match=r"there is no file .*\.jsonl"):
        find_files(str(tmp_path), ".jsonl")


def test_a_file_with_nothing_in_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    assert list(source(tmp_path).sentences(0, 16)) == []


def test_what_texts_do_not_have(tmp_path: Path) -> None:
    texts = source(fill(tmp_path))
    assert (texts.classes, texts.languages) == ((), ())
    for ask in (
        lambda: texts.image("train", 0),
        lambda: texts.labels("train", 0),
        lambda: texts.alt_text("train", 0, RNG),
        lambda: texts.task("vqa", 16),
    ):
        with pytest.raises(DataError, match=r"texts in files have no (pictures|labels|task 'vqa')"):
            ask()
