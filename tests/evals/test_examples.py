"""Test examples of benchmarks."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.world import LANGUAGES
from pali3kit.data.world.source import WorldSource
from pali3kit.evals.examples import benchmark_examples

SOURCE = WorldSource()


@pytest.mark.parametrize("column", ["caption", "vqa", "vqa_knowledge", "vqa_text", "refer", "refer_plus", "refer_g"])
def test_examples_are_limited_repeatable_and_in_order(column: str) -> None:
    examples = benchmark_examples(SOURCE, column, bins=32, count=40, limit=10)
    again = benchmark_examples(SOURCE, column, bins=32, count=40, limit=10)
    assert len(examples) == 10
    assert [(e.image, e.prompt, e.target) for e in examples] == [(e.image, e.prompt, e.target) for e in again]
    assert [e.image for e in examples] == sorted(e.image for e in examples)


def test_the_same_pictures_in_every_language() -> None:
    examples = benchmark_examples(SOURCE, "caption_multilingual", bins=32, count=40, limit=54)
    pictures = Counter(e.language for e in examples)
    assert set(pictures) == set(LANGUAGES)
    assert all(count == (40 if language == "en" else 3) for language, count in pictures.items())
    assert len(examples) == BENCHMARK.find("caption_multilingual").count(40, 54, len(LANGUAGES))
    assert {e.image for e in examples if e.language == "de"} == {0, 1, 2}
    japanese = next(e for e in examples if e.language == "ja")
    assert all(" " in reference for reference in japanese.references)


class Recording:
    """A source that notes which tasks it is asked for."""

    languages = ("en", "de")

    def __init__(self) -> None:
        self.asked: list[str] = []

    def task(self, name: str, bins: int) -> Any:
        self.asked.append(name)
        return SOURCE.task("caption", bins)


@pytest.mark.parametrize(
    ("column", "task", "asked"),
    [
        ("vqa_text", "textvqa.vqa", ["textvqa.vqa"]),
        ("refer_plus", "refs.refer_plus", ["refs.refer_plus_only"]),
        ("refer", "", ["refer_only"]),
        ("caption_multilingual", "xm.caption_multilingual", ["xm.caption_en", "xm.caption_de"]),
    ],
)
def test_the_source_may_call_a_column_otherwise(column: str, task: str, asked: list[str]) -> None:
    source = Recording()
    benchmark_examples(cast(Any, source), column, 32, 4, 2, task)
    assert source.asked == asked
