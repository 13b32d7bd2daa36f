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
    told = "own.jsonl: 'vqav2' needs at least 1 test example; found none. `pali3kit check-data own.jsonl` tells what is"
    assert _told("evaluate=[vqav2]") == [f"{told} missing. Or leave 'vqav2' out of evaluate."]


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


UNION = "{name: union, parts: {one: {name: records, path: own.jsonl, test_split: test}, two: %s}}"


def test_each_part_of_a_union_is_asked_whether_it_can_be_read() -> None:
    source = UNION % "{name: records, path: own.jsonl, split: trian}"
    told = "data.source.parts.two: own.jsonl: no image of split 'trian'. Choose from test."
    assert _told(f"data.source={source}") == [told]


def test_a_union_has_the_images_of_its_parts() -> None:
    source = "data.source=" + UNION % "{name: records, path: own.jsonl, split: test}"
    assert _told(source, "data.train=6") == []
    for split, number in (("train", 6), ("test", 2)):
        told = f"data.{split} asks for 9 images, and data.source, the union, has {number} of the {split} split"
        assert _told(source, f"data.{split}=9") == [f"{told}: set data.{split}={number}."]


def test_an_encoder_by_texts_needs_captions_of_a_union_too() -> None:
    _write({"labels": ["cat"]})
    source = "stages.vision.source=" + UNION % "{name: records, path: own.jsonl, split: test}"
    told = (
        "pretrain 'siglip' needs captions, and none of the 6 images to train on of the union has any: take 'classif'."
    )
    assert _told("data.source=world", source, "pretrain=siglip") == [told]
    assert _told("data.source=world", source, "pretrain=classif") == []


@pytest.mark.parametrize(
    ("key", "evaluate"),
    [
        ("stages.vision.source", "coco"),
        ("stages.resolution.source", "coco"),
        ("stages.mask_tokenizer.source", "coco"),
        ("data.benchmarks.coco", "coco"),
        ("data.source", "probe"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_at_its_key(key: str, evaluate: str) -> None:
    Path("bad.jsonl").write_bytes("{}\n".encode("utf-16"))
    [problem] = _told(f"evaluate=[{evaluate}]", f"{key}={{name: records, path: bad.jsonl, test: own.jsonl}}")
    assert problem.startswith(f"{key}: bad.jsonl") and "utf-16" in problem


@pytest.mark.parametrize("key", ["stages.vision.source", "data.benchmarks.vqav2", "data.source"])
def test_what_is_behind_a_url_is_not_opened(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the network is asked")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("pali3kit.storage.remote.RemotePath.open", refuse)
    remote = "{name: records, path: 'http://127.0.0.1:9/q.jsonl', test: 'http://127.0.0.1:9/t.jsonl'}"
    for source in [remote, UNION % remote][: 1 if "benchmarks" in key else 2]:
        assert _told("evaluate=[coco]", f"{key}={source}") == []


def test_a_file_that_is_written_anew_is_read_anew() -> None:
    """As in a notebook, after its mistakes were told."""
    assert len(_told("evaluate=[vqav2]")) == 1
    _write({"caption": "a cat", "questions": [{"question": "who?", "answers": ["a cat"]}]}, places=5)
    assert _told("evaluate=[vqav2]", "data.train=5") == []
