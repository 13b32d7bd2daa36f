"""What `check` finds out about files of `records` before anything is trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pali3kit.config.load import load
from pali3kit.errors import ConfigError

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
_SCALE = "stages.multimodal.mixture"


def _write(line: Mapping[str, Any], test: Mapping[str, Any] | None = None, places: int = 4) -> None:
    train = [{"image": f"{number}.png", **line} for number in range(places)]
    held_out = [{"image": f"t{number}.png", "split": "test", **(line if test is None else test)} for number in range(2)]
    Path("own.jsonl").write_text("\n".join(map(json.dumps, [*train, *held_out])))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text(OWN)
    _write({"caption": "a cat"})


def _told(*overrides: str) -> list[str]:
    try:
        load("own.yaml", overrides)
    except ConfigError as error:
        where = f"command line: {overrides[-1]}: " if overrides else ""
        return [str(problem).removeprefix(where) for problem in error.problems]
    return []


def test_captions_alone_are_enough_for_captions() -> None:
    assert _told() == []


def test_tasks_of_the_mixture_that_no_image_has_are_one_problem() -> None:
    told = "none of the 4 images to train on of own.jsonl has"
    Path("own.yaml").write_text(OWN.replace("mixture: {ocr: 0, vqa: 0, vqg: 0, object", "mixture: {object"))
    [problem] = _told()
    assert problem.startswith("own.yaml:9: ") and problem.endswith(
        f"{_SCALE}: {told} printed words (ocr), questions with answers (vqa, vqg):"
        " {ocr: 0, vqa: 0, vqg: 0} leaves them out."
    )


@pytest.mark.parametrize(
    ("line", "override", "told"),
    [
        ({"words": ["open"]}, f"{_SCALE}.ocr=1", ""),
        ({}, f"{_SCALE}.caption=1", ""),
        ({"caption": None, "captions": {"de": "Katze"}}, f"{_SCALE}.caption=1",
         f"{_SCALE}: none of the 4 images to train on of own.jsonl has captions in 'en' (caption):"
         " {caption: 0} leaves them out."),
        ({}, "evaluate=[coco,vqav2]",
         "benchmark 'vqav2' needs questions with answers, and none of the 4 images to train on of own.jsonl has any:"
         " leave 'vqav2' out of evaluate."),
        ({}, "evaluate=[coco,mask_tokenizer]",
         "benchmark 'mask_tokenizer' needs things with masks, and none of the 4 images to train on of own.jsonl has"
         " any: leave 'mask_tokenizer' out of evaluate."),
        ({}, "pretrain=classif",
         "pretrain 'classif' needs things or labels, and none of the 4 images to train on of own.jsonl has any:"
         " take 'siglip'."),
        ({"labels": ["cat"]}, "pretrain=classif", ""),
        ({}, "data.source.test_split=tset", "data.source: own.jsonl: no image of split 'tset'. Did you mean 'test'?"),
        ({}, "data.train=5",
         "data.train asks for 5 images, and data.source, own.jsonl, has 4 of the train split: set data.train=4."),
    ],
)  # fmt: skip
def test_what_the_lines_have(line: dict[str, Any], override: str, told: str) -> None:
    english = line.get("captions") is None
    _write({"caption": "a cat", **line})
    evaluate = [] if english else ["evaluate=[xm3600]"]
    assert _told(*evaluate, override) == ([told] if told else [])


def test_what_only_the_lines_to_test_on_lack() -> None:
    question = {"questions": [{"question": "who?", "answers": ["a cat"]}]}
    _write({"caption": "a cat", **question}, {"caption": "a cat"})
    told = "benchmark 'vqav2' needs questions with answers, and none of the 2 images to test on of own.jsonl has any"
    assert _told("evaluate=[vqav2]") == [f"{told}: leave 'vqav2' out of evaluate."]


def test_what_is_not_learnt_need_not_be_there_to_train_on() -> None:
    _write({"caption": "a cat"}, {"caption": "a cat", "questions": [{"question": "who?", "answers": ["a cat"]}]})
    alone = "none of the 4 images to train on of own.jsonl has any: leave 'vqav2' out of evaluate."
    assert _told("evaluate=[vqav2]") == [f"benchmark 'vqav2' needs questions with answers, and {alone}"]
    assert _told("evaluation.after=[multimodal]", "evaluate=[vqav2]") == []  # nothing is trained on them


def test_an_encoder_by_texts_needs_captions() -> None:
    _write({"labels": ["cat"], "questions": [{"question": "who?", "answers": ["a cat"]}]})
    mixture = f"{_SCALE}={{splitcap: 0, caption_multilingual: 0, vqa: 1}}"
    alone = (
        "pretrain 'siglip' needs captions, and none of the 4 images to train on of own.jsonl has any: take 'classif'."
    )
    assert alone in [told.partition("own.yaml:3: ")[2] for told in _told("evaluate=[vqav2]", mixture)]


def test_files_that_are_not_there_are_told_once() -> None:
    Path("own.jsonl").unlink()
    [problem] = _told()
    assert problem.startswith("own.yaml:5: there is no file or folder 'own.jsonl'.")


def test_a_damaged_file_is_told() -> None:
    Path("own.jsonl").write_bytes("{}\n".encode("utf-16"))
    [problem] = _told()
    assert problem.startswith("own.yaml:5: data.source: own.jsonl") and "utf-16" in problem


def test_a_union_of_such_files_is_read_too() -> None:
    Path("own.yaml").write_text(
        OWN.replace("{name: records, path: own.jsonl, test_split: test}",
                    "{name: union, parts: {one: {name: records, path: own.jsonl, test_split: test}}}")
    )  # fmt: skip
    assert _told() == []
    [problem] = _told(f"{_SCALE}.one.ocr=1")
    assert problem.startswith(f"{_SCALE}: none of the 4 images to train on of the union has printed words (one.ocr):")
