"""Test examples of benchmarks, and whether they are enough."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.benchmark_examples import benchmark_examples, scorable_indices
from pali3kit.data.task import Example
from pali3kit.data.world import LANGUAGES
from pali3kit.data.world.source import WorldSource
from pali3kit.errors import DataError, RegistryError

SOURCE = WorldSource()


@pytest.mark.parametrize("benchmark", ["coco", "vqav2", "okvqa", "textvqa", "refcoco", "refcoco_plus", "refcocog"])
def test_examples_are_limited_repeatable_and_in_order(benchmark: str) -> None:
    examples = benchmark_examples(SOURCE, benchmark, bins=32, count=40, limit=10)
    again = benchmark_examples(SOURCE, benchmark, bins=32, count=40, limit=10)
    assert len(examples) == 10
    assert [(e.images[0], e.prompt, e.target) for e in examples] == [(e.images[0], e.prompt, e.target) for e in again]
    assert [e.images[0] for e in examples] == sorted(e.images[0] for e in examples)


def test_the_same_images_in_every_language() -> None:
    examples = benchmark_examples(SOURCE, "xm3600", bins=32, count=40, limit=54)
    images = Counter(e.language for e in examples)
    assert set(images) == set(LANGUAGES)
    assert all(count == (40 if language == "en" else 3) for language, count in images.items())
    assert len(examples) == BENCHMARK.find("xm3600").count(40, 54, len(LANGUAGES))
    assert {e.images[0] for e in examples if e.language == "de"} == {0, 1, 2}
    japanese = next(e for e in examples if e.language == "ja")
    assert all(" " in reference for reference in japanese.references)


class Recording:
    """A source that records the tasks that it is asked for."""

    languages = ("en", "de")

    def __init__(self) -> None:
        self.asked: list[str] = []

    def task(self, name: str, bins: int) -> Any:
        self.asked.append(name)
        return SOURCE.task("caption", bins)


@pytest.mark.parametrize(
    ("benchmark", "task", "asked"),
    [
        ("textvqa", "textvqa.vqa", ["textvqa.vqa"]),
        ("refcoco_plus", "refs.refer_plus", ["refs.refer_plus_only"]),
        ("refcoco", "", ["refer_only"]),
        ("xm3600", "xm.caption_multilingual", ["xm.caption_en", "xm.caption_de"]),
    ],
)
def test_the_source_may_have_another_task_for_a_benchmark(benchmark: str, task: str, asked: list[str]) -> None:
    source = Recording()
    benchmark_examples(cast(Any, source), benchmark, 32, 4, 2, task)
    assert source.asked == asked


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ({}, ["vqa"]),
        ({"task": "vqa_text"}, ["vqa_text"]),
        ({"task": "docs.vqa"}, ["docs.vqa"]),
        ({"task": "refer", "regions": True}, ["refer_only"]),
        ({"every_language": True}, ["vqa_en", "vqa_de"]),
        ({"every_language": True, "task": "mm.caption_multilingual"}, ["mm.caption_en", "mm.caption_de"]),
    ],
)
def test_a_plug_ins_benchmark_asks_as_it_says(add_benchmark: Any, told: dict[str, Any], asked: list[str]) -> None:
    add_benchmark("docvqa", **told)
    source = Recording()
    benchmark_examples(cast(Any, source), "docvqa", 32, 4, 2)
    assert source.asked == asked


def test_an_unknown_benchmark_has_no_examples() -> None:
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'vqa_txt'"):
        benchmark_examples(SOURCE, "vqa_txt", 32, 4, 2)


def test_of_train_images_all_expressions_are_asked() -> None:
    """Validation during a transfer uses the task that is trained on."""
    source = Recording()
    benchmark_examples(cast(Any, source), "refcoco", 32, 4, 2, split="train", start=2)
    assert source.asked == ["refer"]


def test_examples_may_begin_later() -> None:
    found = benchmark_examples(SOURCE, "coco", bins=32, count=8, limit=10, split="train", start=5)
    assert [example.images[0] for example in found] == [5, 6, 7]


@pytest.mark.parametrize(
    ("benchmark", "languages", "kept"),
    [
        ("coco", ["en", "en"], [0, 1]),
        ("vqav2", ["en"], [0]),
        ("xm3600", ["en", "th", "en", "de", "de"], [0, 2, 3, 4]),
    ],
)
def test_languages_with_too_few_images_are_left_out(benchmark: str, languages: list[str], kept: list[int]) -> None:
    assert scorable_indices(benchmark, [Example((0,), "", "", ("a",), language) for language in languages]) == kept


@pytest.mark.parametrize(
    ("benchmark", "languages", "message"),
    [
        ("coco", ["en"], "'coco' needs at least 2 test examples; found 1"),
        ("vqav2", [], "'vqav2' needs at least 1 test example; found none"),
        ("xm3600", ["en", "th"], "at least 2 test examples in a language; found en 1, th 1"),
        ("xm3600", [], "found none"),
    ],
)
def test_too_few_examples_are_refused(benchmark: str, languages: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        scorable_indices(benchmark, [Example((0,), "", "", ("a",), language) for language in languages])


def test_a_source_without_languages_is_told_and_counted() -> None:
    benchmark = BENCHMARK.find("xm3600")
    assert benchmark.count(10, 5, 0) == benchmark.count(10, 5, 1) == 5
