"""Pages as a source: parts by turns, tasks by name, texts, and words with errors of a known rate."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from pali3kit.config.available_tasks import tasks_of
from pali3kit.config.component import Component
from pali3kit.config.pages import PagePart
from pali3kit.data.pages.pages import PAGE
from pali3kit.data.pages.source import PARTS, PagesSource
from pali3kit.data.task import Task, held_out
from pali3kit.errors import RegistryError
from pali3kit.metrics.anls import anls
from pali3kit.registry import SOURCE


@pytest.fixture(scope="module")
def source() -> PagesSource:
    return PagesSource()


def test_every_kind_of_page_is_in_one_part() -> None:
    assert sorted(kind for kinds in PARTS.values() for kind in kinds) == PAGE.names()


def test_parts_take_turns_and_so_do_their_kinds(source: PagesSource) -> None:
    count = len(PARTS) * max(map(len, PARTS.values()))
    assert [source.part(index) for index in range(len(PARTS))] == list(PARTS)
    pages = [source.page("train", index) for index in range(count)]
    assert {page.kind for page in pages} == {*PAGE.names()}
    assert len({(page.kind, page.index) for page in pages}) == count


def test_images_are_of_the_size_and_the_same_again(source: PagesSource) -> None:
    image = source.image("test", 4)
    assert image.shape == (128, 128, 3) and image.dtype == np.uint8
    assert (PagesSource().image("test", 4) == image).all()
    assert (PagesSource(seed=1).image("test", 4) != image).any()
    larger = SOURCE.build("pages", only=["chart"], image_size=160).image("train", 0)
    assert larger.shape == (160, 160, 3)


def test_the_digest_is_of_the_content_alone() -> None:
    digests = {PagesSource(*each).digest for each in ((None, 0), (None, 1), (["chart"], 0))}
    assert len(digests) == 3 and PagesSource(ocr_errors=0.5).digest in digests


@pytest.mark.parametrize("task", [task for task in tasks_of(Component(name="pages")) or () if "." in task])
def test_every_task_that_is_offered_has_examples_of_its_part(source: PagesSource, task: str) -> None:
    drawn = source.task(task, 16)
    examples = held_out(drawn, "test", 40 * len(PARTS), 3, 0)
    assert drawn.name == task and len(examples) == 3 and all(each.target for each in examples)
    assert all(source.part(index) == task.partition(".")[0] for each in examples for index in each.images)


def test_a_task_of_no_part_is_of_all(source: PagesSource) -> None:
    examples = held_out(source.task("ocr", 16), "train", 18, 18, 0)
    assert len({source.part(example.images[0]) for example in examples}) > 5


def test_where_says_which_images_to_try(source: PagesSource) -> None:
    task: Task = source.task("chart.vqa", 16)
    [places] = task.where("train", 100)
    assert {source.part(index) for index in places} == {"chart"} and len(places) == 11
    assert [each.images[0] for each in held_out(task, "train", 100, 99, 0, start=50)] == [n for n in places if n >= 50]


def test_charts_and_crowds_have_the_groups_of_their_data_sets(source: PagesSource) -> None:
    for part, groups in (("chart", {"human", "augmented"}), ("crowd", {"simple", "complex"})):
        examples = held_out(source.task(f"{part}.vqa", 16), "test", 600, 40, 0)
        assert {example.group for example in examples} == groups


@pytest.mark.parametrize(
    ("name", "told"),
    [("chrt.vqa", "no part 'chrt'. Did you mean 'chart'?"), ("chart.refer", "pages have no task 'refer'")],
)  # fmt: skip
def test_unknown_tasks_are_refused(source: PagesSource, name: str, told: str) -> None:
    with pytest.raises(RegistryError, match=told.replace("?", r"\?")):
        source.task(name, 16)


def test_texts_are_endless_by_seed_and_held_out_ones_others(source: PagesSource) -> None:
    texts = list(source.sentences(0, 16, 200))
    assert texts == list(islice(source.sentences(0, 16), 200)) != list(source.sentences(1, 16, 200))
    held = list(source.held_out(16, 200))
    assert len(held) == 200 and len({*texts} & {*held}) < 30, "short texts of the same templates may be equal"


def _rates(errors: float, only: list[PagePart]) -> tuple[float, float]:
    """The shares of missing words and, in those that are read, of wrong characters."""
    source = PagesSource(only, ocr_errors=errors)
    words = found = characters = wrong = 0.0
    for index in range(40):
        printed = source.words("test", index)
        read = {word.box: word.text for word in source.published_words("test", index)}
        assert [word.box for word in printed if word.box in read] == [*read]
        words, found = words + len(printed), found + len(read)
        for word in printed:
            if word.box in read:
                characters += len(word.text)
                wrong += len(word.text) * (1 - anls([read[word.box]], [[word.text]])[0])
    return 1 - found / words, wrong / characters


def test_published_words_have_the_errors_that_are_asked_for() -> None:
    assert _rates(0.0, ["document"]) == (0.0, 0.0)
    missing, wrong = _rates(0.05, ["document"])
    assert 0.025 < missing < 0.075 and 0.025 < wrong < 0.075
    assert PagesSource().published_words("test", 3) == PagesSource().published_words("test", 3)


def test_without_parts_that_are_chosen_all_are_drawn():
    assert PagesSource([]).parts == PagesSource().parts
    assert PagesSource([]).image("test", 0).shape == (128, 128, 3)
