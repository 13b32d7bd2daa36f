"""Bad samples: listed once each, counted over interruptions, and too many stop the stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from pali3kit.data.records import FEWEST, TooManyBad
from pali3kit.data.source import SourceBase
from pali3kit.errors import DataError
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.skipped import Skipped


class Damaged(SourceBase):
    """A source of whose files some are damaged."""

    def __init__(self, *damages: str) -> None:
        self.found, self.asked = list(damages), 0

    @property
    def damages(self) -> Sequence[str]:
        self.asked += 1
        return self.found


def skipped(folder: Path, most: float = 0.05, source: Damaged | None = None, rank: int = 0) -> Skipped:
    context = StageContext(folder, {}, 0, lambda done, total, **numbers: None, 1, Execution(rank=rank))
    return Skipped(context, most, source)  # type: ignore[arg-type]


def see(recorder: Skipped, *bad: str, good: int = 10) -> None:
    batch: dict[str, Any] = {"images": torch.zeros(good)} | ({"skipped": list(bad)} if bad else {})
    recorder.on_train_batch_start(None, None, batch, 0)  # type: ignore[arg-type]


def test_they_are_listed_after_what_is_wrong_with_whole_files(tmp_path: Path) -> None:
    source = Damaged("a.tar: damaged")
    recorder = skipped(tmp_path, source=source)
    assert source.asked  # before loader processes are forked
    recorder.on_train_start(None, None)  # type: ignore[arg-type]
    see(recorder, "one", "two", good=60)
    see(recorder)
    source.found.append("b.pdf: damaged")
    see(recorder, "three")
    finish(recorder)
    assert (tmp_path / "skipped.txt").read_text() == "a.tar: damaged\none\ntwo\nthree\nb.pdf: damaged\n"


def test_without_bad_samples_there_is_no_list(tmp_path: Path) -> None:
    recorder = skipped(tmp_path)
    recorder.on_train_start(None, None)  # type: ignore[arg-type]
    see(recorder)
    assert not list(tmp_path.iterdir())


def test_a_continued_run_forgets_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    recorder = skipped(tmp_path)
    see(recorder, "one")
    saved = recorder.state_dict()
    see(recorder, "two")
    again = skipped(tmp_path)
    again.load_state_dict(saved)
    again.on_train_start(None, None)  # type: ignore[arg-type]
    see(again, "two")
    assert (tmp_path / "skipped.txt").read_text() == "one\ntwo\n" and again.seen == 20


def test_too_many_stop_the_stage(tmp_path: Path) -> None:
    recorder = skipped(tmp_path, most=0.01)
    see(recorder, *["bad"] * (FEWEST // 100))  # of the first thousand, this many may be
    with pytest.raises(
        DataError, match=r"11 bad samples beside 20 good ones are more than max_bad_fraction 0\.01 allows; the"
    ):
        see(recorder, "the last")
    assert (tmp_path / "skipped.txt").read_text() == "bad\nthe last\n"  # each once


def test_only_the_writing_rank_writes(tmp_path: Path) -> None:
    recorder = skipped(tmp_path, rank=1)
    see(recorder, "one")
    assert recorder.bad == 1 and not list(tmp_path.iterdir())


def finish(recorder: Skipped) -> None:
    recorder.on_train_end(None, None)  # type: ignore[arg-type]


def test_at_the_end_the_share_is_of_all_however_few(tmp_path: Path) -> None:
    recorder = skipped(tmp_path, most=0.1)
    see(recorder, "one", "two", good=19)
    finish(recorder)
    see(recorder, "three", good=0)
    with pytest.raises(TooManyBad, match=r"^3 bad samples beside 19 good ones are .*; the first: one; two; three; all"):
        finish(recorder)


def test_a_single_bad_one_is_no_share_unless_none_may_be(tmp_path: Path) -> None:
    for most in (0.1, 0.0):
        recorder = skipped(tmp_path, most=most)
        recorder.lines, recorder.bad, recorder.seen = {"one": None}, 3, 5  # met in every pass
        if most:
            finish(recorder)
        else:
            with pytest.raises(TooManyBad, match="3 bad samples beside 5 good ones"):
                finish(recorder)
