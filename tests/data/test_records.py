"""Records as an endless shuffled stream."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.records import FEWEST, RecordSource, Skips, TooManyBad, too_many
from pali3kit.errors import DataError

RNG = np.random.default_rng(0)


class Few:
    """Five records; the image of the third is broken, the text of the fourth is empty."""

    classes = ("a", "b")

    def __len__(self) -> int:
        return 5

    def name(self, number: int) -> str:
        return f"record {number}"

    def image_bytes(self, number: int) -> bytes:
        file = io.BytesIO()
        Image.new("RGB", (6, 4), (number, 0, 0)).save(file, "png")
        return b"broken" if number == 2 else file.getvalue()

    def text(self, number: int) -> str:
        return " \n" if number == 3 else f" text \t{number}"

    def labels(self, number: int) -> tuple[int, ...]:
        return (number % 2,)


def test_every_pass_has_every_record_once_in_another_order() -> None:
    source = RecordSource(Few())
    passes = [[source.number("train", 5 * turn + i) for i in range(5)] for turn in range(4)]
    assert all(sorted(one) == list(range(5)) for one in passes)
    assert len({tuple(one) for one in passes}) > 1
    assert RecordSource(Few()).number("train", 13) == passes[2][3]  # a position says it all


def test_a_record_is_image_text_and_labels() -> None:
    source = RecordSource(Few())
    at = {source.number("train", i): i for i in range(5)}
    assert source.image("train", at[4]).shape == (4, 6, 3) and source.image("train", at[4])[0, 0, 0] == 4
    assert source.alt_text("train", at[1], RNG) == "text 1" and source.labels("train", at[1]) == (1,)
    with pytest.raises(DataError, match="record 2: not an image"):
        source.image("train", at[2])
    with pytest.raises(DataError, match="record 3: its text is empty"):
        source.alt_text("train", at[3], RNG)


def test_sentences_leave_out_what_is_empty() -> None:
    assert sorted(RecordSource(Few()).sentences(0, 16)) == ["text 0", "text 1", "text 2", "text 4"]
    assert len(list(RecordSource(Few()).sentences(0, 16, limit=2))) <= 2


def test_what_images_in_files_do_not_have() -> None:
    source = RecordSource(Few())
    with pytest.raises(DataError, match="a train split only, not 'test'"):
        source.image("test", 0)
    with pytest.raises(DataError, match="no task 'vqa'"):
        source.task("vqa", 16)
    with pytest.raises(DataError, match="no held-out text"):
        source.held_out(16)


def test_a_text_that_cannot_be_read_is_noted() -> None:
    class Mute(Few):
        def text(self, number: int) -> str:
            if number == 1:
                raise DataError("record 1: no text")
            return super().text(number)

    source = RecordSource(Mute())
    assert len(list(source.sentences(0, 16))) == 3
    assert (sorted(source.skips.drain()), source.skips.seen, source.skips.bad) == (
        ["record 1: no text", "record 3: its text is empty"], 5, 2,
    )  # fmt: skip


def noted(bad: int, seen: int, most: float = 0.05) -> Skips:
    skips = Skips(most)
    skips.seen = seen
    for number in range(bad):
        skips.add(f"line {number}: bad")
    return skips


def test_at_the_beginning_the_share_is_of_the_first_thousand() -> None:
    noted(FEWEST // 20, seen=60)
    with pytest.raises(
        TooManyBad, match=r"^51 of 60 cannot be used, more than max_bad_fraction 0\.05 allows; the first: line 0"
    ):
        noted(FEWEST // 20 + 1, seen=60)


def test_samples_are_counted_in_their_order() -> None:
    skips = Skips(0.05)
    skips.count(["", "one is bad", ""])
    assert (skips.seen, skips.bad, list(skips.lines)) == (3, 1, ["one is bad"])
    with pytest.raises(TooManyBad, match="51 of 53 cannot be used"):
        skips.count(f"line {number}" for number in range(100))


def test_at_the_end_it_is_of_all_however_few() -> None:
    told = r"^48 of 48 cannot be used, more than .*; the first: line 0: bad; line 1: bad; line 2: bad$"
    with pytest.raises(TooManyBad, match=told):
        noted(48, seen=48).judge()
    with pytest.raises(TooManyBad, match="3 of 59"):
        noted(3, seen=59).judge()
    noted(3, seen=60).judge()
    noted(0, seen=0).judge()


def test_a_single_bad_one_never_is_too_many_unless_none_may_be() -> None:
    noted(1, seen=2).judge()
    with pytest.raises(TooManyBad, match=r"1 of 2000 cannot be used, more than max_bad_fraction 0 allows"):
        noted(1, seen=2000, most=0.0)


def test_images_are_counted_apart_from_the_records_that_led_to_them() -> None:
    skips = noted(3, seen=60)
    skips.count_anew()
    skips.seen += 40
    skips.add("image 1: bad")
    skips.judge()
    for number in (2, 3):
        skips.add(f"image {number}: bad")
    with pytest.raises(TooManyBad, match=r"^3 of 40 .*the first: image 1: bad; image 2"):
        skips.judge()
    assert len(skips.lines) == 6
    with pytest.raises(TooManyBad, match="4 of 60"):
        noted(4, seen=60).count_anew()


def test_lines_that_were_taken_still_count() -> None:
    skips = noted(2, seen=20)
    assert len(skips.drain()) == 2 and not skips.lines
    with pytest.raises(TooManyBad, match=r"2 of 20 .*the first: line 0: bad; line 1: bad"):
        skips.judge()


@pytest.mark.parametrize("share", range(1, 100))
def test_exactly_the_share_that_may_be_bad_is_not_too_many(share: int) -> None:
    assert not too_many(share, 100, share / 100) and too_many(share + 1, 100, share / 100)
    assert not too_many(0, 0, 0) and too_many(1, 100, 0)
