"""Files: all there, equal for equal runs, untouched when nothing changed, rebuilt from the run's folder."""

from __future__ import annotations

import csv
import errno
import io
import json
import platform
import re
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from pali3kit.errors import DataError
from pali3kit.plan.step import Step
from pali3kit.report import rebuild, report_store, write_report
from pali3kit.report.table_csv import to_csv
from pali3kit.report.write import _as_json

FILES = {
    "report.json", "report.csv", "report.md", "report.tex", "report.html", "outcomes.json", "timings.json",
    "experiment.yaml",
}  # fmt: skip


def written(run, folder):
    return write_report(run.report(), folder, run.experiment, run.timings())


def test_all_files_are_written_once_and_then_left_alone(made_up, tmp_path):
    run = made_up()
    assert {path.name for path in written(run, tmp_path / "run")} == FILES
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    assert written(run, tmp_path / "run") == []
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before


def test_equal_runs_in_different_places_give_equal_bytes(made_up, tmp_path):
    places = [tmp_path / "a", tmp_path / "b_is_longer"]
    for place in places:
        run = made_up(root=place, failed=lambda step: step.label == "transfer/coco siglip")
        written(run, place / "run")
    for name in FILES - {"experiment.yaml"}:
        assert (places[0] / "run" / name).read_bytes() == (places[1] / "run" / name).read_bytes(), name


def test_a_changed_score_changes_the_report_and_not_the_experiment(made_up, tmp_path):
    run = made_up(["probe"])
    written(run, tmp_path / "run")
    (step,) = [step for step in run.graph.steps if step.label == "probe siglip"]
    metrics = json.loads((run.store.path(step) / "metrics.json").read_text())
    metrics["value"] = 1.0
    run.rewrite(step, "metrics.json", json.dumps(metrics))
    changed = {path.name for path in written(run, tmp_path / "run")}
    assert changed == {"report.json", "report.csv", "report.md", "report.tex", "report.html", "outcomes.json"}


def test_the_json_holds_all_that_the_contract_asks_for(report):
    data = json.loads(_as_json(asdict(report)))
    cell = data["tables"][0]["rows"][1]["cells"]["doodles/textvqa"]
    assert set(cell) >= {"per_seed", "ours", "delta", "paper", "paper_delta", "verdict", "status", "reasons"}
    assert set(cell["ours"]) == {"mean", "low", "high", "n", "seeds", "method"}
    assert cell["paper_delta"] == {"value": 13.3, "provenance": "memory, unverified"}
    assert "seconds" not in _as_json(asdict(report))


def test_json_is_canonical():
    text = _as_json({"b": 0.1 + 0.2, "a": (1, float("nan"), -0.0), 3: "é"})
    assert text == '{\n "3": "é",\n "a": [\n  1,\n  null,\n  0.0\n ],\n "b": 0.3\n}\n'


def test_csv_has_a_line_for_every_cell_and_is_read_again(report):
    rows = [row for row in csv.DictReader(io.StringIO(to_csv(report))) if " / " not in row["column"]]
    assert len(rows) == 30
    (row,) = [row for row in rows if (row["row"], row["column"]) == ("SigLIP", "doodles/textvqa")]
    assert float(row["delta_low"]) < float(row["delta"]) < float(row["delta_high"])
    assert (row["paper"], row["paper_delta"], row["verdict"]) == ("35.8000", "13.3000", "follows")
    (failed,) = [row for row in rows if row["status"] == "failed"]
    assert (failed["mean"], failed["reasons"].startswith("seed 0: transfer/vqa_knowledge")) == ("", True)


def test_csv_has_the_further_numbers_behind_the_columns(report):
    rows = [row for row in csv.DictReader(io.StringIO(to_csv(report))) if " / " in row["column"]]
    found = {(row["column"], row["row"]): row for row in rows}
    assert len(found) == len(rows) == sum(len(detail.values) for detail in report.details)
    detail = next(one for one in report.details if (one.column, one.name) == ("doodles/vqav2", "tasks / flags"))
    row = found["doodles/vqav2 / tasks / flags", "SigLIP"]
    assert float(row["mean"]) == pytest.approx(detail.values["SigLIP"], abs=1e-4)
    assert (row["after"], row["status"], row["low"], row["verdict"]) == ("transfer", "done", "", "")


def hostile(report):
    """A report of quoted data that somebody made for whoever reads it."""
    label = '=HYPERLINK("http://x")\x00\x1b[31m\u202e![p](http://x/p.png)<img src=x>|a\\|`b` [c](d) $x$ [bold]'
    first, *others = report.tables[0].rows
    renamed = replace(report.tables[0], rows=(replace(first, label=label), *others), after="transfer")
    reason = replace(report.stages[0], reason=label)
    gallery = tuple(replace(one, prompt=label, references=(label,)) for one in report.gallery)
    return replace(report, name=label, tables=(renamed,), notes=(label,), stages=(reason,), gallery=gallery)


def test_no_format_takes_quoted_data_for_commands(report, full, tmp_path):
    write_report(hostile(report), tmp_path, full.experiment, full.timings())
    texts = {path.suffix: path.read_text(encoding="utf-8") for path in tmp_path.iterdir() if path.stem == "report"}
    for suffix, text in texts.items():
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), suffix
    assert not re.search(r"(?<!\\)\[", texts[".md"].replace("\\\\", "")) and "<img" not in texts[".md"]
    assert "<img" not in texts[".html"] and "&lt;img src=x&gt;" in texts[".html"]
    assert json.loads(texts[".json"])["name"] == hostile(report).name
    assert {row["row"][:4] for row in csv.DictReader(io.StringIO(texts[".csv"]))} == {"'=HY", "SigL", "Rand", "Clas"}
    assert not re.search(r"\\\\\n[\[*]", texts[".tex"]) and "\\textbackslash{}u202e" in texts[".tex"]


def test_timings_name_every_artifact_and_sum_up(full):
    timings = full.timings()
    assert len(timings["stages"]) == sum(map(full.store.done, full.graph.steps))
    assert timings["seconds"] == pytest.approx(12.5 * len(timings["stages"]))


def test_a_run_folder_is_enough_to_write_the_report_again(made_up, tmp_path):
    run = made_up(failed=lambda step: step.label == "transfer/coco siglip")
    folder = tmp_path / "run"
    written(run, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in FILES - {"report.json", "experiment.yaml"}:
        (folder / name).unlink()
    assert rebuild(folder) == run.report()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_rebuilding_nothing_is_refused(tmp_path):
    with pytest.raises(DataError, match="is not a run folder"):
        rebuild(tmp_path)


def test_a_full_disk_names_the_file_and_leaves_nothing_unfinished(made_up, tmp_path, monkeypatch):
    run, folder = made_up(["probe"]), tmp_path / "run"
    written(run, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "report.json").write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left") as raised:
        written(run, folder)
    monkeypatch.undo()
    assert raised.value.filename == str(folder / "report.json")
    assert {path.name for path in folder.iterdir()} == FILES
    (folder / f"report.csv.{platform.node()}.4194305.partial").touch()  # of a process that was killed
    assert written(run, folder) == [folder / "report.json"]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("text", ["", "[", '{"stages": 3}', '{"stages": [1, {"digest": 2}]}', "[" * 99_999])
def test_a_damaged_report_is_written_anew(made_up, tmp_path, text):
    run, folder = made_up(["probe"]), tmp_path / "run"
    written(run, folder)
    before = (folder / "report.json").read_bytes()
    (folder / "report.json").write_text(text)
    rebuild(folder)
    assert (folder / "report.json").read_bytes() == before


def test_a_damaged_artifact_is_told_with_its_path(made_up, tmp_path):
    run, folder = made_up(["probe"]), tmp_path / "run"
    written(run, folder)
    (step,) = [step for step in run.graph.steps if step.label == "probe siglip"]
    metrics = run.store.path(step) / "metrics.json"
    metrics.write_bytes(metrics.read_bytes().replace(b"0", b"1", 1))
    with pytest.raises(DataError, match=r"1 of the \d+ artifacts") as raised:
        rebuild(folder)
    assert str(raised.value).endswith(f"\n{metrics} has other bytes than were written: its sha256 differs")


AXIS = {"pretrain": ["classif", "siglip"], "stages.vision.examples": [640, 1280]}


def test_a_report_of_what_the_store_has_of_more_seeds_and_points(made_up, tmp_path):
    """The cells that nobody has run are missing; one of a smaller experiment replaces it, and its chart goes."""
    run = made_up(["probe"], grid=AXIS)
    written(run, tmp_path / "made_up")
    more = {**AXIS, "stages.vision.examples": [640, 1280, 2560]}
    report = report_store(replace(run.experiment, seeds=[0, 1], grid=more))
    statuses = [cell.status for row in report.tables[0].rows for cell in row.cells.values()]
    assert statuses == ["partial"] * 4 + ["missing"] * 2
    assert not report.failed and (tmp_path / "made_up" / "report-transfer.svg").exists()
    assert report_store(replace(run.experiment, grid={"pretrain": ["classif"]})).tables[0].rows[0].label == "Classif"
    assert not (tmp_path / "made_up" / "report-transfer.svg").exists()


def test_a_report_of_an_experiment_never_replaces_what_is_gone(made_up, tmp_path):
    run = made_up(["probe"])
    written(run, tmp_path / "made_up")
    before = (tmp_path / "made_up" / "report.json").read_bytes()
    (step,) = [step for step in run.graph.steps if step.label == "probe siglip"]
    (run.store.path(step) / "metrics.json").unlink()
    with pytest.raises(DataError, match=r"probe siglip seed 0: not in .*: the report is left as it is"):
        report_store(replace(run.experiment, seeds=[0, 1]))
    assert (tmp_path / "made_up" / "report.json").read_bytes() == before


def test_a_report_whose_artifacts_are_gone_is_left_as_it_is(made_up, tmp_path):
    run = made_up(["probe"])
    folder = tmp_path / "run"
    written(run, folder)
    before = (folder / "report.json").read_bytes()
    (step,) = [step for step in run.graph.steps if step.label == "probe siglip"]
    (run.store.path(step) / "metrics.json").unlink()
    gone = rf"1 of the \d+ artifacts of .* are gone \(probe siglip: not in {run.store.root}, package, or damaged\): the"
    with pytest.raises(DataError, match=rf"{gone} report is left as it is"):
        rebuild(folder)
    assert (folder / "report.json").read_bytes() == before


def test_a_report_of_artifacts_from_elsewhere_is_written_again_offline(made_up, tmp_path):
    run, folder, lab = made_up(["probe"]), tmp_path / "run", tmp_path / "lab"
    run.experiment.runtime.read_from = [str(lab), "http://127.0.0.1:9"]
    written(run, folder)
    before = (folder / "report.json").read_bytes()
    lab.mkdir()
    moved = [step for step in run.graph.steps if step.kind == "vision"]
    for step in moved:
        run.store.path(step).rename(lab / step.name)
    rebuild(folder)
    assert (folder / "report.json").read_bytes() == before
    stages = json.loads((folder / "timings.json").read_text())["stages"]
    assert [stage["label"] for stage in stages if stage["place"] == str(lab)] == [step.label for step in moved]
    lab.rename(tmp_path / "gone")
    gone = f"{len(moved)} of the .* {moved[-1].label}: not in {run.store.root}, {lab}, or damaged"
    with pytest.raises(DataError, match=rf"{gone}.*\n{lab} of runtime.read_from is not there"):
        rebuild(folder)
    assert (folder / "report.json").read_bytes() == before


def test_a_report_of_another_version_of_the_code_is_left_as_it_is(made_up, tmp_path, monkeypatch):
    """After an upgrade stages have other digests, and what came with the package before is gone."""
    run = made_up(["probe"])
    folder = tmp_path / "run"
    written(run, folder)
    before = (folder / "report.json").read_bytes()
    monkeypatch.setattr(Step, "version", property(lambda step: 99 if step.kind == "probe" else 1))
    with pytest.raises(DataError, match=r" are gone \(\d+ of another version of the code\): the report is left"):
        rebuild(folder)
    assert (folder / "report.json").read_bytes() == before
