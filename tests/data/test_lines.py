"""Texts in files, one on each line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pali3kit.data.lines import HELD_OUT, Lines, LineSource, Skips, _is_held_out, find_files
from pali3kit.errors import DataError
from pali3kit.text.plain import compression_of

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


@settings(max_examples=60)
@given(
    texts=st.lists(
        st.lists(
            st.binary(max_size=9).filter(
                lambda line: not set(line) & {10, 13, 0, 0xFF, 0xFE} and not compression_of(line)
            )
        ),
        max_size=3,
    ),
    end=st.sampled_from([b"\n", b"\r\n", b"\r"]),
    last=st.booleans(),
)
def test_lines_of_files_with_any_end(
    texts: list[list[bytes]], end: bytes, last: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("lines")
    files = [folder / str(number) for number in range(len(texts))]
    right = []
    for file, lines in zip(files, texts, strict=True):
        data = b"".join(line + end for line in lines)
        data = data if last or not data else data.removesuffix(end)
        file.write_bytes(data)
        kept = data.split(end)[: len(data.split(end)) - data.endswith(end)] if data else []
        right += [(line, f"{file}:{number + 1}") for number, line in enumerate(kept)]
    found = Lines(files)
    assert [(found[number], found.where(number)) for number in range(len(found))] == right


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(b"a cat\n", mtime=0), "it is packed with gzip, and its lines are read at random: unpack it"),
        ("a cat\n".encode("utf-16"), "it is utf-16, or no text: write it in UTF-8"),
        ("a cat\n".encode("utf-16-be"), "it is UTF-16, or no text"),
    ],
)
def test_no_garbage_is_a_text(data: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a dog\n")
    (tmp_path / "b.txt").write_bytes(data)
    with pytest.raises(DataError, match=rf"b\.txt: {told}"):
        list(source(tmp_path).sentences(0, 16))


def source(root: Path) -> LineSource:
    return LineSource(str(root), ".txt", read)


def test_every_text_is_given_in_an_order_of_the_seed(tmp_path: Path) -> None:
    texts = list(source(fill(tmp_path)).sentences(3, 16))
    kept = [f"text {i}" for i in range(500) if not _is_held_out(f"text {i}")]
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
    listed = r".*/a\.txt:\d+: it is bad; .*/a\.txt"
    told = rf"51 of 51 cannot be used, more than max_bad_fraction 0\.05 allows; the first: {listed}"
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
        with pytest.raises(DataError, match=r"texts in files have no (images|labels|task 'vqa')"):
            ask()


def test_signs_are_counted_in_each_line(tmp_path: Path) -> None:
    for name, data in (("a", b'"x" "\n\n"'), ("b", b""), ("c", b'"\r\n""')):
        (tmp_path / name).write_bytes(data)
    assert Lines([tmp_path / name for name in "abc"]).counts(b'"').tolist() == [3, 0, 1, 1, 2]


def test_links_that_lead_in_circles_give_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.txt").write_text("a")
    (tmp_path / "a" / "2.txt").symlink_to("nowhere")
    for name in ("up", "again"):
        (tmp_path / "a" / name).symlink_to(tmp_path)
    assert find_files(str(tmp_path), ".txt") == [tmp_path / "a" / "1.txt"]
