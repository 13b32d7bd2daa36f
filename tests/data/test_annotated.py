"""Annotated images as a source."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.mixture import Mixture
from pali3kit.data.reader import Files
from pali3kit.data.record import Asked, Record, Thing, Word
from pali3kit.data.source import STRETCH
from pali3kit.data.task import Example
from pali3kit.errors import DataError

RNG = np.random.default_rng(0)


def png(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (6, 4), (shade,) * 3).save(file, "png")
    return file.getvalue()


class Few(Files):
    """Records of which every tenth cannot be used."""

    classes = ("cat", "dog")
    damages: Sequence[str] = ("a.tar: damaged",)

    def __init__(self, file: Path, count: int) -> None:
        file.write_bytes(b"x" * count)
        super().__init__(file)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def record(self, number: int) -> Record:
        if number % 10 == 9:
            raise DataError(f"record {number}: no field 'caption'")
        return Record(
            f"record {number}",
            lambda: png(number),
            captions={"en": (f"caption  {number}",)},
            words=(Word(f"word{number}"),),
            questions=(Asked(f"which {number}?", ("a", "a", "b")),),
            things=(Thing("dog", (0, 0, 4, 6)), Thing("dog", (0, 0, 2, 2))),
        )


class Clips(Few):
    """Records of one to three images, in shades of 10 x the record's number and on."""

    @property
    def image_counts(self) -> np.ndarray:
        return np.arange(self.count) % 3 + 1

    def record(self, number: int) -> Record:
        first, *others = (partial(png, 10 * number + place) for place in range(number % 3 + 1))
        captions = {"en": (f"caption {number}",)}
        return Record(f"clip {number}", first, captions=captions, more_images=tuple(others))


def source(folder: Path, count: int = 20, test: int = 3) -> AnnotatedSource:
    return AnnotatedSource(Few(folder / "train", count), Few(folder / "test", test))


def test_what_a_image_is(tmp_path: Path) -> None:
    few = source(tmp_path)
    at = {few.number("train", i): i for i in range(20)}
    assert sorted(at) == list(range(20)) and few.image("train", at[7])[0, 0, 0] == 7
    assert few.labels("train", at[7]) == (1,) and few.alt_text("train", at[7], RNG) == "caption 7"
    assert few.classes == ("cat", "dog") and few.languages == ("en",) and few.damages == ["a.tar: damaged"] * 2
    assert sorted(few.number("train", STRETCH + i) for i in range(20)) == list(range(20))


def test_test_images_are_in_order_and_no_more_than_there_are(tmp_path: Path) -> None:
    few = source(tmp_path)
    assert [few.image("test", i)[0, 0, 0] for i in range(3)] == [0, 1, 2] and few.size("test") == 3
    with pytest.raises(DataError, match=r"the test split has 3 images, not 4: lower data\.test"):
        few.image("test", 3)
    with pytest.raises(DataError, match="a train split only, not 'test'"):
        AnnotatedSource(Few(tmp_path / "a", 3)).image("test", 0)


def test_a_task_draws_on_the_image_that_it_is_given(tmp_path: Path) -> None:
    few = source(tmp_path)
    task = few.task("caption", 16)
    for index in range(20):
        example = task.draw("train", index, np.random.default_rng(0))
        number = few.number("train", index)
        assert (example is None) == (number % 10 == 9)
        if example is not None:
            assert (example.images[0], example.target) == (index, f"caption {number}")
    assert list(few.skips.lines) == sorted(few.skips.lines, key=list(few.skips.lines).index)
    assert set(few.skips.lines) == {f"record {n}: no field 'caption'" for n in (9, 19)} and few.skips.seen == 20
    assert task.where("train", 5) == (range(5),)


def test_too_many_bad_records_are_an_error(tmp_path: Path) -> None:
    few = source(tmp_path, count=2000)
    few.skips.most = 0.05
    task = few.task("caption", 16)
    with pytest.raises(DataError, match=r"cannot be used, more than max_bad_fraction 0\.05 allows; the first: record"):
        for index in range(2000):
            task.draw("train", index, RNG)


def test_boxes_that_nothing_fits_are_noted_too(tmp_path: Path) -> None:
    few = source(tmp_path)
    record = few.readers["train"].record
    few.readers["train"].record = lambda number: Record(  # type: ignore[method-assign]
        "broken", record(0).read_image, things=(Thing("dog", (0, 0, 9, 9)),)
    )
    assert few.task("detect", 16).draw("train", 0, RNG) is None
    assert list(few.skips.lines) == ["broken: box (0, 0, 9, 9) is empty or outside an image of 4x6"]


def test_texts_are_parted_in_those_to_train_on_and_those_held_out(tmp_path: Path) -> None:
    few = source(tmp_path, count=200)
    few.skips.most = 0.2
    trained, held = set(few.sentences(0, 16)), set(few.held_out(16))
    expected = {f"{kind}{n}{end}" for n in range(200) if n % 10 != 9 for kind, end in
                (("caption ", ""), ("word", ""), ("which ", "?"))} | {"a", "b", "dog"}  # fmt: skip
    assert trained | held == expected and not trained & held and held
    assert len(list(few.sentences(0, 16, limit=7))) == 7
    assert list(few.sentences(0, 16)) != list(few.sentences(1, 16)) and list(few.held_out(16)) == list(few.held_out(16))


def test_the_digest_is_of_names_and_sizes(tmp_path: Path) -> None:
    digest = source(tmp_path).digest
    assert digest == source(tmp_path).digest != source(tmp_path, test=4).digest


def test_a_reader_that_makes_its_records_has_no_files_to_be_known_by(tmp_path: Path) -> None:
    made = Few(tmp_path / "train", 20)
    made.files = ()
    assert AnnotatedSource(made).digest == ""


class Told(Files):
    """Records that are given."""

    def __init__(self, file: Path, *records: Record, languages: tuple[str, ...] = ("en",)) -> None:
        file.write_bytes(b"x")
        super().__init__(file)
        self.records, self._languages = records, languages

    @property
    def languages(self) -> tuple[str, ...]:
        return self._languages

    def __len__(self) -> int:
        return len(self.records)

    def record(self, number: int) -> Record:
        return self.records[number]


def test_languages_are_those_that_are_measured(tmp_path: Path) -> None:
    train, test = Told(tmp_path / "a", languages=("en", "de", "th")), Told(tmp_path / "b", languages=("en",))
    assert AnnotatedSource(train).languages == ("en", "de", "th") and AnnotatedSource(train, test).languages == ("en",)


@pytest.mark.parametrize(
    ("task", "record", "told"),
    [
        ("ocr", Record("r", lambda: png(0), words=(Word("one two three"), Word("four five"))),
         "r: its printed texts are longer than 1 words each"),
        ("object_vqa", Record("r", lambda: png(0), things=(Thing(" ", (0, 0, 1, 1)),)),
         "r: an empty target of task 'object_vqa'"),
    ],
)  # fmt: skip
def test_an_empty_target_is_noted(tmp_path: Path, task: str, record: Record, told: str) -> None:
    few = AnnotatedSource(Told(tmp_path / "a", record), words=1)
    assert few.task(task, 16).draw("train", 0, RNG) is None and list(few.skips.lines) == [told]


def test_blank_texts_are_none(tmp_path: Path) -> None:
    record = Record(
        "r", lambda: png(0), captions={"en": (" ", "")}, questions=(Asked(" ", ("a",)), Asked("b?", (" ", "")))
    )
    few = AnnotatedSource(Told(tmp_path / "a", record))
    for task in ("vqa", "vqg"):
        assert few.task(task, 16).draw("train", 0, RNG) is None
    assert {*few.sentences(0, 16), *few.held_out(16)} == {"a", "b?"}


def test_files_have_been_read_before_anything_is_drawn(tmp_path: Path) -> None:
    """What is left out of them is listed by then."""

    class Late(Told):
        @property
        def damages(self) -> Sequence[str]:
            return ("one is left out",) if self.read else ()

        read = False

        def __len__(self) -> int:
            self.read = True
            return 1

    late = AnnotatedSource(Late(tmp_path / "a"))
    task = late.task("ocr", 16)
    assert late.damages == []
    task.where("train", 1)
    assert late.damages == ["one is left out"]


def test_names_of_classes_that_are_equal_on_one_line_are_one_class() -> None:
    class Twice(Files):
        classes = ("red  cup", "red cup ", "dog")

        def __len__(self) -> int:
            return 3

        def record(self, number: int) -> Record:
            return Record("x", lambda: png(0), things=(Thing(self.classes[number % 3], (0, 0, 1, 1)),))

    source = AnnotatedSource(Twice())
    assert source.classes == ("red cup", "dog")
    assert {source.labels("train", index) for index in range(source.size("train"))} == {(0,), (1,)}


def shades(clips: AnnotatedSource, split: str, example: Example) -> list[int]:
    return [int(clips.image(split, number)[0, 0, 0]) for number in example.images]


def test_the_images_of_a_record_stay_together_in_every_pass(tmp_path: Path) -> None:
    clips = AnnotatedSource(Clips(tmp_path / "train", 10), Clips(tmp_path / "test", 4))
    assert clips.size("train") == 19 and clips.size("test") == 7 and clips.max_images == 3
    task = clips.task("caption", 1000)
    for split, count in (("train", 2 * 19), ("test", 7)):
        seen: list[str] = []
        for index in (index for places in task.where(split, count) for index in places):
            example = task.draw(split, index, RNG)
            assert example is not None and example.images[0] == index
            number = int(example.target.removeprefix("caption "))
            assert shades(clips, split, example) == [10 * number + place for place in range(number % 3 + 1)]
            assert example == replace(example, images=clips.images_with(split, example.images[-1]))
            seen.append(example.target)
        assert len(seen) == 2 * len(set(seen)) if split == "train" else seen == [f"caption {n}" for n in range(4)]
    with pytest.raises(DataError, match="the test split has 7 images, not 8"):
        task.where("test", 8)


def test_an_example_is_drawn_where_all_its_images_are_reached(tmp_path: Path) -> None:
    task = AnnotatedSource(Clips(tmp_path / "train", 10)).task("caption", 1000)
    for count in range(1, 40):
        firsts = [index for places in task.where("train", count) for index in places]
        examples = [task.draw("train", index, RNG) for index in firsts]
        assert all(example is not None and max(example.images) < count for example in examples)
        reached = [task.draw("train", index, RNG) for index in range(count)]
        whole = {example.images for example in reached if example is not None and max(example.images) < count}
        assert {example.images for example in examples if example is not None} == whole
    mixture = Mixture({"caption": (task, 1.0)}, "train", 19, seed=0, without={3})
    drawn = [mixture.example(0, position) for position in range(200)]
    assert not any(3 in example.images for example in drawn) and len({example.images for example in drawn}) == 9


def test_texts_of_a_record_of_several_images_are_given_once(tmp_path: Path) -> None:
    clips = AnnotatedSource(Clips(tmp_path / "train", 10))
    assert sorted([*clips.sentences(0, 1000), *clips.held_out(1000)]) == sorted(f"caption {n}" for n in range(10))


def test_of_images_alone_indexing_is_what_it_was(tmp_path: Path) -> None:
    few = source(tmp_path)
    assert few.task("caption", 1000).where("train", 50) == (range(50),) and few.max_images == 1
    assert few.images_with("train", 33) == (33,)
