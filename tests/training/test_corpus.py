"""Windows of text, and unusable samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pali3kit.data.jsonl import JsonlSource
from pali3kit.data.records import TooManyBad
from pali3kit.data.world.source import WorldSource
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.corpus import _pack, _take_tokens, limit_skipped, pack_windows, record_skipped
from tests.made_shards import tar_of


class Letters:
    """A token for each letter, and 1 at the end."""

    def encode(self, text: str, *, eos: bool) -> list[int]:
        return [*map(ord, text), *([1] * eos)]


def test_windows_read_no_more_text_than_needed() -> None:
    read: list[str] = []

    def texts() -> Iterator[str]:
        for letter in "abcdefgh":
            read.append(letter)
            yield letter * 4

    packed = pack_windows(texts(), Letters(), length=3, most=3)  # type: ignore[arg-type]
    assert packed.tolist() == [[97, 97, 97], [97, 1, 98], [98, 98, 98]]
    assert len(read) <= 3


def test_pack() -> None:
    packed = _pack(iter([[1, 2, 3], [], [4], [5, 6, 7]]), 3)
    assert packed.dtype == np.int64
    assert packed.tolist() == [[1, 2, 3], [4, 5, 6]]
    with pytest.raises(DataError, match="2 tokens: not enough for one window of 3"):
        _pack([[1, 2]], 3)


def test_texts_are_read_until_the_budget_is_full() -> None:
    assert sum(map(len, _take_tokens(([1] * 10 for _ in range(100)), 35))) == 40


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    folder = tmp_path / "stage"
    folder.mkdir()
    return StageContext(folder, {}, 0, lambda done, total, **numbers: None, threads=1)


def corpus(path: Path, bad: int) -> JsonlSource:
    path.write_text("\n".join(["{}"] * bad + [f'{{"text": "text {i}"}}' for i in range(2000 - bad)]))
    return JsonlSource(str(path))


def test_bad_lines_are_listed(context: StageContext, tmp_path: Path) -> None:
    source = corpus(tmp_path / "a.jsonl", bad=3)
    with record_skipped(source, context):
        assert len(list(source.sentences(0, 16))) > 1900
    lines = (context.folder / "skipped.txt").read_text().splitlines()
    assert sorted(lines) == [f"{tmp_path}/a.jsonl:{i}: no field 'text', but none at all" for i in (1, 2, 3)]


def test_too_many_bad_lines_stop_the_stage_and_are_listed(context: StageContext, tmp_path: Path) -> None:
    strict = replace(context, execution=Execution(max_bad_fraction=0.01))
    source = corpus(tmp_path / "a.jsonl", bad=300)
    with pytest.raises(DataError, match="cannot be used"), record_skipped(source, strict):
        list(source.sentences(0, 16))
    assert len((context.folder / "skipped.txt").read_text().splitlines()) >= 10


def test_tars_are_read_before_the_processes_that_read_from_them_are_forked(
    context: StageContext, tmp_path: Path
) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({"a.mp4": b"no video", "b.mp4": b"cut off"})[:1540])
    (tmp_path / "lines").write_text('{"video": "a.mp4", "caption": "x"}')
    source = SOURCE.build("videos", path=str(tmp_path / "lines"), videos=str(tmp_path / "a.tar"))
    with record_skipped(source, context):
        (tmp_path / "a.tar").unlink()
    [line] = (context.folder / "skipped.txt").read_text().splitlines()
    assert line == f"{tmp_path}/a.tar: damaged after 1 files: b.mp4 is cut off"


def test_without_skips_nothing_is_listed(context: StageContext, tmp_path: Path) -> None:
    for source in (WorldSource(), corpus(tmp_path / "a.jsonl", bad=0)):
        with record_skipped(source, context):
            assert next(source.sentences(0, 16))
    assert not (context.folder / "skipped.txt").exists()


def test_of_a_source_that_makes_its_texts_nothing_is_listed(context: StageContext) -> None:
    with record_skipped(WorldSource(), context):
        pass
    assert not list(context.folder.iterdir())


def test_too_many_among_few_stop_the_stage_at_its_end(context: StageContext, tmp_path: Path) -> None:
    source = corpus(tmp_path / "a.jsonl", bad=0)
    source.skips.seen = 10
    with pytest.raises(TooManyBad, match="2 of 10 cannot be used"), record_skipped(source, context):
        source.skips.add("one")
        source.skips.add("two")
    assert (context.folder / "skipped.txt").read_text() == "one\ntwo\n"


@pytest.mark.parametrize(("bad", "told"), [(2, "2 of 10 cannot be used.*the first: one; two"), (1, "no example")])
def test_too_many_skips_explain_why_nothing_was_found(
    context: StageContext, tmp_path: Path, bad: int, told: str
) -> None:
    source = corpus(tmp_path / "a.jsonl", bad=0)
    source.skips.seen = 10
    with pytest.raises(DataError, match=told), record_skipped(source, context):
        for line in ("one", "two")[:bad]:
            source.skips.add(line)
        raise DataError("no example")


def test_what_ranks_judge_together_stops_no_single_one(context: StageContext, tmp_path: Path) -> None:
    """Two of ten samples of a rank are bad, which is a matter of all ranks' samples; but it explains other errors."""
    source = corpus(tmp_path / "a.jsonl", bad=0)
    source.skips.seen = 10
    with limit_skipped(source, context, gathered=True):
        source.skips.add("one")
        source.skips.add("two")
    with pytest.raises(TooManyBad, match="2 of 10 cannot be used"), limit_skipped(source, context, gathered=True):
        raise DataError("no example")
