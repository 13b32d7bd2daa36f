"""The words of OCR as parents and in configurations; all else of an experiment stays as it is without them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from planned import detail, units

from pali3kit.config import check_packages
from pali3kit.config.load import load
from pali3kit.plan.graph import Graph, build
from pali3kit.plan.step import Step

WITHOUT_WORDS = ("features", "tokenizer", "vision", "language", "corpus", "multimodal")


@pytest.fixture
def planned(tables_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The graph of an experiment on the sets of Table 2."""
    monkeypatch.chdir(tables_data)
    monkeypatch.setattr(check_packages, "find_spec", lambda name: object())
    text = "name: x\nscale: smoke\npretrain: siglip\ndata: {root: data}\nevaluate: [docvqa, chartqa, coco]\n"
    (tmp_path / "x.yaml").write_text(text)

    def make(*overrides: str) -> Graph:
        return build(load(tmp_path / "x.yaml", overrides))

    return make


def digests(graph: Graph, *kinds: str) -> set[str]:
    return {step.digest for step in graph.steps if step.kind in kinds}


def of(graph: Graph, kind: str, about: str) -> Step:
    [step] = [step for step in graph.steps if step.kind == kind and about in step.label]
    return step


def test_none_is_what_an_experiment_without_the_axis_has(planned: Any) -> None:
    one, other = planned(), planned("grid.data.ocr.words=[none,published]")
    assert {step.digest for step in one.steps} <= {step.digest for step in other.steps}
    assert not any(
        "ocr" in step.plain or "ocr" in str(step.plain["source"]) for step in one.steps if step.kind == "evaluate"
    )


def test_published_words_are_read_by_the_transfer_and_its_evaluation_alone(planned: Any) -> None:
    one, other = planned(), planned("data.ocr.words=published")
    assert digests(other, *WITHOUT_WORDS) < digests(one, *WITHOUT_WORDS), "without ChartQA's features"
    assert of(other, "evaluate", "coco").digest == of(one, "evaluate", "coco").digest
    assert not any("chartqa" in step.label for step in other.steps)
    for kind in ("transfer", "evaluate"):
        config = of(other, kind, "docvqa").plain
        assert config["prompt_length"] == 32 + 256 and config["source"]["test_ocr"] == "data/docvqa/val/ocr_results"
        assert config["ocr"] == {"words": "published", "order": "given", "separator": " ", "length": 256}
        assert "ocr" not in of(other, kind, "docvqa").parents


def test_an_engine_reads_the_images_of_each_split_once(planned: Any) -> None:
    graph = planned("data.ocr.words=rapidocr", "grid.data.ocr.order=[given,raster]", "evaluate=[docvqa,chartqa]")
    read = [step for step in graph.steps if step.kind == "ocr"]
    assert [(detail(step), units(step)) for step in read] == [
        ("docvqa.train rapidocr", 4), ("docvqa.test rapidocr", 4),
        ("chartqa.train rapidocr", 4), ("chartqa.test rapidocr", 8),
    ]  # fmt: skip
    for kind, split in (("transfer", "train"), ("evaluate", "test")):
        steps = [step for step in graph.steps if step.kind == kind and "docvqa" in step.label]
        assert len(steps) == 2 and {step.parents["ocr"].plain["split"] for step in steps} == {split}


def test_what_is_read_depends_on_engine_and_images_alone(planned: Any) -> None:
    given = planned("data.ocr.words=rapidocr")
    same = planned("data.ocr.words=rapidocr", "data.ocr.length=64", "stages.vision.examples=64", "tokenizer.bins=64")
    other = planned("data.ocr.words=tesseract")
    assert digests(given, "ocr") == digests(same, "ocr") != set() and not digests(given, "ocr") & digests(other, "ocr")
