"""Tables 2 and 4 of the paper, from the files of all their sets to a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from public_sets import write_public_sets

from pali3kit.config.load import load
from pali3kit.plan.graph import build
from pali3kit.report.paper import PaperTable
from pali3kit.run import main

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
WITH_WORDS = {"textcaps", "textvqa", "docvqa", "infovqa"}
OVERRIDES = [
    "scale=smoke", "runtime.parallel_stages=1", "runtime.threads=1", "tokenizer.sentences=1500",
    "tokenizer.vocabulary=1200", "stages.transfer.examples=32", "data.train=32", "data.test=8",
    "stages.vision.examples=32",
]  # fmt: skip


@pytest.mark.parametrize("table", ["table2", "table4"])
def test_their_columns_are_the_papers(table: str, tables_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tables_data)
    experiment, paper = load(EXPERIMENTS / f"{table}.yaml"), PaperTable.load(table)
    assert experiment.paper == table
    benchmarks = [column.partition(".")[0] for column in paper.columns if not column.startswith("average")]
    assert experiment.evaluate == list(dict.fromkeys(benchmarks))


def test_documents_are_larger_where_the_scale_has_two_sizes(tables_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tables_data)
    for scale, size, documents in (("smoke", 96, 96), ("embedded", 96, 128), ("paper", 812, 1064)):
        steps = build(load(EXPERIMENTS / "table2.yaml", [f"scale={scale}"])).steps
        sizes = {str(step.plain["benchmark"]): step.plain["image_size"] for step in steps if step.kind == "evaluate"}
        larger = {name for name, found in sizes.items() if found == documents != size}
        assert larger == ({"docvqa", "infovqa"} if size != documents else set()) and set(sizes.values()) == {
            size,
            documents,
        }


@pytest.mark.slow
def test_table_2_with_and_without_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_public_sets(tmp_path / "data")
    assert main([str(EXPERIMENTS / "table2.yaml"), *OVERRIDES]) == 0
    report = json.loads((tmp_path / "runs/table2/report.json").read_text())
    [table] = report["tables"]
    rows = {row["label"]: row["cells"] for row in table["rows"]}
    assert list(rows) == ["no OCR", "published OCR"]
    assert {name for name, cell in rows["published OCR"].items() if cell["ours"]} == WITH_WORDS
    values = {name: cell["ours"]["mean"] for name, cell in rows["no OCR"].items()}
    first8 = PaperTable.load("table2").means["average.first8"]
    assert values["average.first8"] == pytest.approx(sum(values[name] for name in first8) / 8)
    assert len(values) == 14 and "average.all" in values
    assert any(note.startswith("Prompts with words of OCR (published)") for note in report["notes"])
    asked = {True: 0, False: 0}
    for file in (tmp_path / "runs/store").glob("evaluate-*/predictions.jsonl"):
        for row in map(json.loads, file.read_text().splitlines()):
            asked["ocr_words" in row] += 1
            assert row["prompt"].endswith("STOP here 4711 Total $12.50" if "ocr_words" in row else "<extra_id_0>")
    assert asked == {True: 16, False: 49}
    check_evaluate(tmp_path)


def check_evaluate(folder: Path) -> None:
    """A model of the run is measured again with the words that it learnt with."""
    command: list[Any] = ["evaluate", "runs/table2", "docvqa", "data.ocr.words=published", "--out", "again"]
    assert main(command) == 0
    told = json.loads((folder / "again/config.json").read_text())
    assert told["ocr"]["words"] == "published" and told["prompt_length"] == 32 + 256
    [run] = [
        file.parent for file in (folder / "runs/store").glob("evaluate-*/manifest.json")
        if "'ocr': {" in str(config := json.loads(file.read_text())["config"]) and config["benchmark"] == "docvqa"
    ]  # fmt: skip
    assert (folder / "again/predictions.jsonl").read_text() == (run / "predictions.jsonl").read_text()


@pytest.mark.slow
def test_table_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_public_sets(tmp_path / "data")
    assert main([str(EXPERIMENTS / "table4.yaml"), *OVERRIDES]) == 0
    report = json.loads((tmp_path / "runs/table4/report.json").read_text())
    [table] = report["tables"]
    titles = [column["title"] for column in table["columns"]]
    assert titles == ["COCO (Karpathy test)", "VQAv2 (minival)", "OKVQA (val)", "TallyQA (simple)", "TallyQA (complex)"]
    [row] = table["rows"]
    counts = {name: cell["ours"]["n"] for name, cell in row["cells"].items()}
    assert counts == {"coco": 4, "vqav2": 4, "okvqa": 4, "tallyqa.simple": 2, "tallyqa.complex": 2}


@pytest.mark.slow
@pytest.mark.parametrize(("table", "benchmarks"), [("table7", ["fairface"]), ("table8", ["miap", "celeba"])])
def test_tables_7_and_8_without_people(
    table: str, benchmarks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["evaluation.slices.least=3", "data.test=30", *OVERRIDES[:-2], "stages.vision.examples=32"]
    assert main([str(EXPERIMENTS / f"{table}.yaml"), *small, "data.test=30"]) == 0
    report = json.loads((tmp_path / f"runs/{table}/report.json").read_text())
    sliced = {column["column"].partition(".")[0].rpartition("/")[2] for column in report["slices"]}
    assert sliced == set(benchmarks) and len(report["tables"][0]["rows"]) == 2
    assert {each["attribute"] for each in report["slices"]} == {"disc", "background"}


@pytest.mark.slow
@pytest.mark.parametrize(("table", "rows"), [("embedded_table2", 4), ("embedded_table4", 2)])
def test_the_tables_on_drawn_pages(table: str, rows: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipes = ("docvqa", "chartqa", "screen2words", "textcaps", "textvqa", "vqav2", "tallyqa")
    few = [f"stages.transfer.benchmarks.{name}.examples=32" for name in recipes]
    assert main([str(EXPERIMENTS / f"{table}.yaml"), *OVERRIDES, *few, "data.test=40"]) == 0
    report = json.loads((tmp_path / f"runs/{table}/report.json").read_text())
    [drawn] = report["tables"]
    assert len(drawn["rows"]) == rows
    for row in drawn["rows"]:
        missing = {name for name, cell in row["cells"].items() if not cell["ours"]}
        assert missing <= {"embedded/textvqa", "average.first8", "average.all"}, "scenes have no published words"
    assert any(note.startswith("Measured on embedded pages: ") for note in report["notes"])
