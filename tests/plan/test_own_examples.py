"""Examples of benchmarks and mixtures that `check` looks for in files of `records`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.errors import ConfigError
from pali3kit.types import Json

OWN = """\
name: own
scale: smoke
pretrain: siglip
data:
  source: {name: records, path: own.jsonl, test_split: test}
  train: 4
  test: 2
stages:
  multimodal: {mixture: {ocr: 0, vqa: 0, vqg: 0, object_vqa: 0, detect: 0}}
evaluate: [coco]
"""
CAT: Mapping[str, Json] = {"caption": "a cat"}
MASK = [[8, 5, 18, 5, 18, 13, 8, 13]]
THING: Mapping[str, Json] = {
    "things": [{"label": "cat", "bbox": [8, 5, 10, 8], "mask": MASK}],
    "height": 20,
    "width": 40,
}


def _write(train: list[Mapping[str, Json]], test: list[Mapping[str, Json]], file: str = "own.jsonl") -> None:
    lines = [{"image": f"{number}.png", **line} for number, line in enumerate(train)]
    lines += [{"image": f"t{number}.png", "split": "test", **line} for number, line in enumerate(test)]
    Path(file).write_text("\n".join(map(json.dumps, lines)))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(OWN)
    _write([CAT] * 4, [CAT] * 2)


def _told(*overrides: str) -> list[str]:
    try:
        load("own.yaml", overrides)
    except ConfigError as error:
        return [str(problem).partition(": ")[2].removeprefix(f"{overrides[-1]}: ") for problem in error.problems]
    return []


GENDERS: list[Mapping[str, Json]] = [{**CAT, "attributes": {"gender": each}} for each in ("Female", "Male") * 2]
ANSWERED = ["data.test=4", "data.tasks={celeba: describe}", "evaluate=[celeba]"]


def test_what_another_model_answers_is_not_trained_on() -> None:
    _write([CAT] * 4, GENDERS)
    assert _told(*ANSWERED) == []


def test_what_answers_a_benchmark_is() -> None:
    _write([{"captions": {"de": "eine Katze"}}] * 4, GENDERS)
    told = (
        "benchmark 'celeba' is answered by 'coco', which needs captions in 'en', and none of the 4 images to train on"
    )
    assert _told(*ANSWERED) == [f"{told} of own.jsonl has any: leave 'celeba' out of evaluate."]


FEW = "'coco' needs at least 2 test examples; found 1."


ONE = "{name: records, path: one.jsonl, test_split: test}"
TOLD = f"one.jsonl: {FEW} `pali3kit check-data one.jsonl` tells what is missing."


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([f"data.source={ONE}"], TOLD),
        (["data.source=world", f"data.benchmarks.coco={ONE}"], TOLD),
        ([f"data.source={{name: union, parts: {{a: {ONE}}}}}"], f"source 'union': {FEW}"),
    ],
)
def test_too_few_test_examples_are_refused_as_by_a_run(overrides: list[str], told: str) -> None:
    _write([CAT] * 4, [CAT, {"labels": ["cat"]}], "one.jsonl")
    assert _told(*overrides) == [f"{told} Or leave 'coco' out of evaluate."]


def test_masks_are_drawn_from_the_whole_source() -> None:
    """The first images have none."""
    _write([CAT] * 4 + [{**CAT, **THING}], [THING] * 2)
    assert _told("evaluate=[mask_tokenizer]") == []
    _write([CAT] * 4, [THING] * 2)
    told = "benchmark 'mask_tokenizer' needs things with masks, and none of the 4 images to train on of own.jsonl has"
    assert _told("evaluate=[mask_tokenizer]") == [f"{told} any: leave 'mask_tokenizer' out of evaluate."]


def test_masks_to_test_on_are_of_the_first_images() -> None:
    _write([THING] * 4, [CAT, CAT, THING])
    told = "benchmark 'mask_tokenizer' needs things with masks, and none of the 2 images to test on of own.jsonl has"
    assert _told("pretrain=classif", "evaluate=[mask_tokenizer]") == [
        f"{told} any: leave 'mask_tokenizer' out of evaluate."
    ]


@pytest.mark.parametrize("task", ["describe", "refer_only", "caption_xx"])
def test_a_task_that_the_source_cannot_have_is_told_once(task: str) -> None:
    [problem] = _told(f"stages.multimodal.mixture.{task}=1")
    assert "none of the" not in problem
