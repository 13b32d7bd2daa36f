"""Test examples of benchmarks."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from PIL import Image

from pali3kit.catalogue import BENCHMARK
from pali3kit.data.task import Example
from pali3kit.data.world import LANGUAGES
from pali3kit.data.world.source import WorldSource
from pali3kit.errors import DataError, RegistryError
from pali3kit.evals.examples import benchmark_examples, require_examples, scorable
from pali3kit.plan.kinds.evaluate import Config
from pali3kit.plan.pali import TextConfig
from pali3kit.plan.step import Step

SOURCE = WorldSource()


@pytest.mark.parametrize("column", ["caption", "vqa", "vqa_knowledge", "vqa_text", "refer", "refer_plus", "refer_g"])
def test_examples_are_limited_repeatable_and_in_order(column: str) -> None:
    examples = benchmark_examples(SOURCE, column, bins=32, count=40, limit=10)
    again = benchmark_examples(SOURCE, column, bins=32, count=40, limit=10)
    assert len(examples) == 10
    assert [(e.images[0], e.prompt, e.target) for e in examples] == [(e.images[0], e.prompt, e.target) for e in again]
    assert [e.images[0] for e in examples] == sorted(e.images[0] for e in examples)


def test_the_same_pictures_in_every_language() -> None:
    examples = benchmark_examples(SOURCE, "caption_multilingual", bins=32, count=40, limit=54)
    pictures = Counter(e.language for e in examples)
    assert set(pictures) == set(LANGUAGES)
    assert all(count == (40 if language == "en" else 3) for language, count in pictures.items())
    assert len(examples) == BENCHMARK.find("caption_multilingual").count(40, 54, len(LANGUAGES))
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


def test_of_train_pictures_all_expressions_are_asked() -> None:
    """Validation during a transfer uses the task that is trained on."""
    source = Recording()
    benchmark_examples(cast(Any, source), "refer", 32, 4, 2, split="train", start=2)
    assert source.asked == ["refer"]


def test_examples_may_begin_later() -> None:
    found = benchmark_examples(SOURCE, "caption", bins=32, count=8, limit=10, split="train", start=5)
    assert [example.images[0] for example in found] == [5, 6, 7]


@pytest.mark.parametrize(
    ("column", "languages", "kept"),
    [
        ("caption", ["en", "en"], [0, 1]),
        ("vqa", ["en"], [0]),
        ("caption_multilingual", ["en", "th", "en", "de", "de"], [0, 2, 3, 4]),
    ],
)
def test_languages_with_too_few_pictures_are_left_out(column: str, languages: list[str], kept: list[int]) -> None:
    assert scorable(column, [Example((0,), "", "", ("a",), language) for language in languages]) == kept


@pytest.mark.parametrize(
    ("column", "languages", "message"),
    [
        ("caption", ["en"], "'caption' is measured on 2 test examples at least; found 1"),
        ("vqa", [], "'vqa' is measured on 1 test examples at least; found none"),
        ("caption_multilingual", ["en", "th"], "on 2 test examples in a language at least; found en 1, th 1"),
        ("caption_multilingual", [], "found none"),
    ],
)
def test_too_few_examples_are_refused(column: str, languages: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        scorable(column, [Example((0,), "", "", ("a",), language) for language in languages])


def measuring(column: str, folder: Path, captions: list[str]) -> list[Step]:
    """An evaluation on captions in files, and the step that trains its model."""
    images = [f"{number}.png" for number in range(len(captions))]
    for name in images:
        Image.new("RGB", (8, 8)).save(folder / name)
    (folder / "a.tsv").write_text("".join(f"{text}\t{name}\n" for text, name in zip(captions, images, strict=True)))
    files = {"path": str(folder / "a.tsv"), "images": str(folder), "test": str(folder / "a.tsv")}
    source = {"name": "tsv", **files, "language": "de" if "multi" in column else "en"}
    texts = {"image_size": 8, "bins": 9, "prompt_length": 8, "target_length": 8}
    config = Config(source=source, **texts, column=column, after="transfer", limit=9, beams=1, test=9)
    model = Step("multimodal", "model", TextConfig(source=source, **texts))
    return [model, Step("evaluate", "measured", config, parents={"model": model})]


@pytest.mark.parametrize("column", ["caption", "caption_multilingual"])
def test_a_test_file_of_one_picture_is_refused_before_training(column: str, tmp_path: Path) -> None:
    require_examples(measuring(column, tmp_path, ["ein Hund", "eine Katze"]))
    steps = measuring(column, tmp_path, ["ein Hund"])
    with pytest.raises(DataError, match=rf"a\.tsv: '{column}' is measured on 2 test examples .*found (de )?1"):
        require_examples(steps)
    require_examples(steps[1:])  # the model is there: other columns can be measured


def test_a_source_without_languages_is_told_and_counted() -> None:
    benchmark = BENCHMARK.find("caption_multilingual")
    assert benchmark.count(10, 5, 0) == benchmark.count(10, 5, 1) == 5
