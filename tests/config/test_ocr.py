"""Which benchmarks have words of an OCR in their prompts, and what is wrong where none has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pali3kit.catalogue import BENCHMARK
from pali3kit.config import check_packages
from pali3kit.config.load import load
from pali3kit.config.ocr import is_measured, ocr_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError

SMOKE = "name: x\nscale: smoke\npretrain: siglip\n"


@pytest.fixture
def loaded(tables_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads an experiment on the sets of Table 2."""
    monkeypatch.chdir(tables_data)
    (tmp_path / "x.yaml").write_text(SMOKE + "data: {root: data}\nevaluate: [docvqa, chartqa, coco]\n")

    def make(*overrides: str) -> Experiment:
        return load(tmp_path / "x.yaml", overrides)

    return make


def problem(loaded: Any, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(*overrides)
    [told] = caught.value.problems
    return str(told)


def measured(cell: Experiment) -> list[str]:
    return [name for name in cell.evaluate if is_measured(cell, BENCHMARK.find(name))]


def test_by_default_no_prompt_has_words_and_no_file_of_words_is_named(loaded: Any) -> None:
    cell = loaded()
    assert all(ocr_of(cell, BENCHMARK.find(name)) is None for name in cell.evaluate)
    assert measured(cell) == ["docvqa", "chartqa", "coco"]
    assert cell.data.benchmarks["docvqa"].options["ocr"] is None


def test_published_words_are_those_below_the_root(loaded: Any) -> None:
    cell = loaded("data.ocr.words=published")
    assert cell.data.benchmarks["docvqa"].options["ocr"] == "data/docvqa/train/ocr_results"
    assert cell.data.benchmarks["docvqa"].options["test_ocr"] == "data/docvqa/val/ocr_results"
    assert measured(cell) == ["docvqa", "coco"], "COCO has no words in its prompts, ChartQA has none that are published"
    assert ocr_of(cell, BENCHMARK.find("coco")) is None and ocr_of(cell, BENCHMARK.find("docvqa")) is cell.data.ocr


@pytest.mark.parametrize(
    "axis", ["grid.data.ocr.words=[none,published]", "grid.data.ocr=[{words: none}, {words: published}]"]
)
def test_they_are_found_for_an_axis_of_the_grid_too(loaded: Any, axis: str) -> None:
    assert loaded(axis).data.benchmarks["docvqa"].options["ocr"] == "data/docvqa/train/ocr_results"
    assert loaded("grid.data.ocr.order=[given,raster]").data.benchmarks["docvqa"].options["ocr"] is None


def test_missing_files_of_words_are_told(loaded: Any, tmp_path: Path) -> None:
    told = problem(loaded, "data.ocr.words=published", "data.benchmarks.docvqa.ocr=data/docvqa/train/ocr_result")
    assert "there is no 'data/docvqa/train/ocr_result'. Did you mean 'ocr_results'?" in told


def test_words_of_the_test_split_alone_are_refused(loaded: Any) -> None:
    told = problem(loaded, "data.ocr.words=published", "data.benchmarks.docvqa.ocr=null")
    assert "data.benchmarks.docvqa.ocr should name the words of the train split" in told
    loaded("data.benchmarks.docvqa.ocr=null")


def test_an_engine_reads_the_images_of_all(loaded: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_packages, "find_spec", lambda name: object())
    assert measured(loaded("data.ocr.words=tesseract")) == ["docvqa", "chartqa", "coco"]


@pytest.mark.parametrize(("words", "absent"), [("rapidocr", "rapidocr and onnxruntime"), ("tesseract", "pytesseract")])
def test_an_engine_that_is_not_installed_is_told_with_its_extra(
    loaded: Any, monkeypatch: pytest.MonkeyPatch, words: str, absent: str
) -> None:
    monkeypatch.setattr(check_packages, "find_spec", lambda name: None)
    told = problem(loaded, f"data.ocr.words={words}")
    assert told.endswith(f"data.ocr.words '{words}' needs {absent}: pip install 'pali3kit[ocr]'.")


def test_words_that_nothing_has_are_refused(loaded: Any) -> None:
    told = problem(loaded, "data.ocr.words=published", "evaluate=[chartqa]")
    assert "none of chartqa has published words: name their files, data.benchmarks.chartqa: {ocr: FILE" in told
    told = problem(loaded, "data.ocr.words=published", "evaluate=[coco]")
    assert "nothing in evaluate has words in its prompts, as these do: ai2d, chartqa, docvqa" in told
    assert problem(loaded, "data.ocr.words=publishd").endswith("cannot be 'publishd'. Did you mean 'published'?")
    assert "data.ocr.length should be at least 8, not 7" in problem(
        loaded, "data.ocr.words=published", "data.ocr.length=7"
    )
