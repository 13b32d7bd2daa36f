"""Which tasks a source can have, by its name."""

from __future__ import annotations

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import (
    SUPERVISES,
    TASKS_OF,
    annotations_of,
    available_tasks,
    is_joinable,
    label_on,
    may_be_own,
    names_of,
    supervised_part,
    supervises,
    task_family,
    tasks_of,
)
from pali3kit.config.check_data import _parts_of, _telling
from pali3kit.config.component import Component
from pali3kit.config.tasks import TASKS
from pali3kit.declared.entry import RegistryEntry
from pali3kit.registry import SOURCE

VARIANTS = ("caption_de", "refer_plus", "refer_only", "caption", "vqa_text", "ocr", "refs.refer_plus", "a.vqa")
CAPTIONS, WORDS = Component(name="tsv"), Component(name="ocr")


def test_tasks_by_what_records_tell() -> None:
    assert available_tasks(CAPTIONS) == ("splitcap", "span_corruption", "caption", "caption_multilingual")
    assert available_tasks(WORDS) == ("ocr",)
    assert available_tasks(Component(name="folder")) == () and available_tasks(Component(name="world")) is None
    assert available_tasks(Component(name="nowhere")) is None
    assert {task for tasks in TASKS_OF.values() for task in tasks} - {"instance", "describe"} <= set(TASKS)


def test_a_source_says_itself_what_it_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a plug-in too."""
    drawn = RegistryEntry("mine", "mine:Source", embedded=True, endless=True, parts={"a": ("words",), "b": ("labels",)})
    SOURCE.names()
    monkeypatch.setitem(SOURCE._entries, "mine", drawn)
    mine, coco = Component(name="mine"), BENCHMARK.find("coco")
    assert label_on(coco, "mine") == label_on(coco, "clips") == label_on(coco, "world") == "embedded/coco"
    assert (
        label_on(coco, "tsv") == "tsv/coco" and label_on(coco, "gone") == "gone/coco" and label_on(coco, "") == "coco"
    )
    assert not is_joinable(mine) and may_be_own(mine) and tasks_of(mine) == ("ocr", "a.ocr")
    assert tasks_of(Component(name="mine", options={"only": ["b"]})) == ()


def test_variants_are_of_a_task() -> None:
    found = {task: task_family(task) for task in VARIANTS}
    assert found == {
        "caption_de": "caption", "refer_plus": "refer", "refer_only": "refer", "caption": "caption",
        "vqa_text": "vqa_text", "ocr": "ocr", "refs.refer_plus": "refs.refer", "a.vqa": "a.vqa",
    }  # fmt: skip


def test_tasks_of_a_union() -> None:
    union = Component(name="union", options={"parts": {"a": CAPTIONS, "b": WORDS}})
    assert tasks_of(union) == (
        "splitcap", "span_corruption", "caption", "caption_multilingual", "ocr",
        "a.splitcap", "a.span_corruption", "a.caption", "a.caption_multilingual", "b.ocr",
    )  # fmt: skip
    assert tasks_of(CAPTIONS) == available_tasks(CAPTIONS) and tasks_of(Component(name="world")) is None
    assert tasks_of(Component(name="union", options={"parts": {"a": Component(name="plug-in")}})) is None


def test_names_that_are_no_misspelling() -> None:
    """Of a part that is somebody's, or refused, nobody knows which tasks it has: it may have any."""
    parts = {"a": WORDS, "b": Component(name="plug-in"), "c": object()}
    tasks, union = list(TASKS), Component(name="union", options={"parts": parts})
    assert names_of(CAPTIONS) == tasks
    assert names_of(union) == [*tasks, "a.ocr", *(f"{part}.{task}" for part in "bc" for task in tasks)]
    assert tasks_of(Component(name="union", options={"parts": {"a": WORDS, "c": object()}})) is None


def test_what_pretraining_may_learn_from() -> None:
    """A union whose part is refused, or which has none, is told of elsewhere."""
    boxes, classes, mine = Component(name="coco_instances"), Component(name="folder"), Component(name="a_plug_in")
    union = Component(name="union", options={"parts": {"a": CAPTIONS, "b": WORDS, "c": boxes, "d": classes, "e": mine}})
    kept = {what: list(supervised_part(union, what).options["parts"]) for what in SUPERVISES}
    assert kept == {"texts": ["a", "d", "e"], "labels": ["c", "d", "e"], "masks": ["c", "e"]}
    pairs = [Component(name="pairs", options=options) for options in ({}, {"classes": 0}, {"classes": 3})]
    assert [supervises(part, "labels") for part in pairs] == [False, False, True]
    words = Component(name="union", options={"parts": {"b": WORDS}})
    assert not supervises(words, "texts") and supervised_part(words, "texts") == words
    for parts in ({}, {"a": object()}, 3):
        assert supervises(Component(name="union", options={"parts": parts}), "texts")
    assert supervises(Component(name="world"), "masks") and not supervises(Component(name="text"), "labels")


def test_parts_have_keys() -> None:
    union = Component(name="union", options={"parts": {"a": CAPTIONS, "refused": object()}})
    assert [key for key, _ in _parts_of(union, "data.source")] == ["data.source", "data.source.parts.a"]


@pytest.mark.parametrize(
    ("name", "told", "part"),
    [
        ("world", None, False), ("union", None, False), ("text", (), False), ("jsonl", (), False),
        ("folder", ("labels", "texts"), True), ("pairs", ("captions", "labels"), True), ("a_plug_in", None, True),
    ],
)  # fmt: skip
def test_what_sources_declare(name: str, told: tuple[str, ...] | None, part: bool) -> None:
    assert (annotations_of(Component(name=name)), is_joinable(Component(name=name))) == (told, part)


def test_sources_by_what_they_tell() -> None:
    assert _telling("masks") == ["coco_instances", "open_images", "records", "refcoco"]
    assert _telling("labels") == ["folder", "pairs", "records"]


def test_options_that_only_labels_depend_on_are_left_out_of_the_rest() -> None:
    world = Component(name="world", options={"objects": 40, "wrong_labels": 0.3, "labels_per_image": None})
    assert supervised_part(world, "labels") == world
    assert (
        supervised_part(world, "texts")
        == supervised_part(world, "masks")
        == Component(name="world", options={"objects": 40})
    )
    union = Component(name="union", options={"parts": {"a": world, "b": CAPTIONS}})
    assert supervised_part(union, "texts").parts["a"].options == {"objects": 40}
