"""Cells: values, differences, the paper beside them, verdicts, the control, and failures that stay visible."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from pali3kit.config import schema
from pali3kit.report.arms import arms_of
from pali3kit.report.collect import _comparable
from pali3kit.report.outcomes import read_outcomes
from pali3kit.report.table import lines
from pali3kit.report.write import write_report


def cell_of(report, label, column, after="transfer"):
    (table,) = [table for table in report.tables if table.after == after]
    (row,) = [row for row in table.rows if row.label == label]
    (name,) = [each.name for each in table.columns if each.key == column]
    return row.cells[name]


def test_one_seed_gives_values_and_paired_differences(made_up):
    report = made_up().report()
    classif, siglip = (cell_of(report, label, "textvqa") for label in ("Classif", "SigLIP"))
    assert siglip.status == "done"
    assert siglip.delta.mean == pytest.approx(siglip.per_seed[0] - classif.per_seed[0])
    assert siglip.delta.low < siglip.delta.mean < siglip.delta.high
    # Samples share most of their noise: the paired interval is far narrower than either row's own.
    assert siglip.delta.high - siglip.delta.low < 0.5 * (siglip.ours.high - siglip.ours.low)
    assert (siglip.ours.n, siglip.ours.seeds, siglip.ours.method) == (40, 1, "bootstrap over samples")
    assert classif.delta is None


def test_three_seeds_give_intervals_over_seeds(made_up):
    report = made_up(["probe"], seeds=[0, 1, 2]).report()
    cell = cell_of(report, "SigLIP", "probe")
    assert list(cell.per_seed) == [0, 1, 2]
    assert (cell.ours.seeds, cell.ours.method, cell.delta.method) == (3, "t over seeds", "t over seeds")


def test_a_step_that_seeds_share_is_measured_once(made_up):
    """Three equal numbers would give an interval of no width."""
    fixed = {"grid": {"stages.language.seed": [0, 1]}, "baseline": {"stages.language.seed": 0}, "paper": ""}
    report = made_up(["denoising"], seeds=[3, 4, 5], **fixed).report()
    cell = cell_of(report, "language seed 1", "denoising")
    assert (list(cell.per_seed), cell.status, cell.ours.seeds) == ([3], "done", 1)
    assert cell.ours.method == cell.delta.method == "bootstrap over samples"


def test_the_paper_stands_beside_and_is_judged_by_direction(made_up):
    report = made_up().report()
    classif, siglip = (cell_of(report, label, "textvqa") for label in ("Classif", "SigLIP"))
    assert (classif.paper.value, classif.paper_delta, classif.verdict) == (22.5, None, None)
    assert (siglip.paper.value, siglip.paper_delta.value, siglip.verdict) == (35.8, 13.3, "follows")
    assert cell_of(report, "SigLIP", "probe").verdict == "follows"


def test_the_paper_stands_beside_an_arm_that_no_axis_names(made_up):
    grid = {"evaluation.constrained": [False, True]}
    report = made_up(["refcoco"], grid=grid, baseline={"evaluation.constrained": False}, paper="table3").report()
    (table,) = report.tables
    assert [line.label for line in lines(report, table) if line.kind == "paper"] == [
        "RefTr",
        "PolyFormer-L",
        "Paper G/14",
    ]
    papers = [row.cells["doodles/refcoco"].paper.value for row in table.rows]
    assert papers == [77.33, 77.33] and all(row.cells["doodles/refcoco"].verdict is None for row in table.rows)


def test_another_baseline_turns_the_papers_difference_round(made_up):
    report = made_up(["textvqa"], baseline={"pretrain": "siglip"}).report()
    assert cell_of(report, "Classif", "textvqa").paper_delta.value == -13.3
    assert cell_of(report, "SigLIP", "textvqa").delta is None


def test_without_a_paper_there_is_no_verdict(made_up):
    report = made_up(["textvqa"], paper="").report()
    cell = cell_of(report, "SigLIP", "textvqa")
    assert report.published is None
    assert (cell.paper, cell.paper_delta, cell.verdict) == (None, None, None)


ARMS = [
    {"name": "None", "pretrain": "random"},
    {"name": "Short", "pretrain": "classif", "stages.vision.examples": 1280},
    {"name": "Long", "pretrain": "siglip", "stages.vision.examples": 2560},
    {"name": "Deep", "pretrain": "siglip", "model.vision.depth": 2},
]


def test_a_named_arm_with_random_weights_is_the_control_of_those_that_differ_in_pretraining_alone(made_up):
    grid = {"arm": [arm["name"] for arm in ARMS]}
    report = made_up(["coco"], arms=ARMS, grid=grid, baseline={"arm": "Short"}).report()
    assert [row.label for row in report.tables[0].rows] == ["Short", "Long", "Deep", "None"], "the control is the last"
    controls = {row.label: row.cells["doodles/coco"].control for row in report.tables[0].rows}
    assert controls == {"Short": "above", "Long": "above", "Deep": None, "None": None}


def test_rows_keep_what_their_named_arms_set(made_up, tmp_path):
    run = made_up(["coco"], arms=ARMS, grid={"arm": ["Deep"]}, baseline={})
    write_report(run.report(), tmp_path, run.experiment, run.timings())
    for report in (run.report(), read_outcomes(tmp_path / "outcomes.json")):
        [row] = report.tables[0].rows
        assert row.point == {"arm": "Deep"}
        assert row.settings == {"arm": "Deep", "pretrain": "siglip", "model.vision.depth": 2}


def test_a_named_arm_is_judged_by_what_it_sets(made_up):
    """The paper's arm of both is their own, and only one of them has the text tower that the paper's number has."""
    arms = [
        {"name": "A", "pretrain": "classif", "evaluation.text_tower": "lit"},
        {"name": "B", "pretrain": "siglip", "evaluation.text_tower": "lit"},
        {"name": "C", "pretrain": "siglip", "evaluation.text_tower": "own"},
    ]
    run = made_up(["textvqa"], arms=arms, grid={"arm": ["A", "B", "C"]}, baseline={"arm": "A"})
    papers = {row.label: row.cells["doodles/textvqa"].paper.value for row in run.report().tables[0].rows}
    assert papers == {"A": 22.5, "B": 35.8, "C": 35.8}
    assert cell_of(run.report(), "B", "textvqa").verdict == "follows"
    shown = [line.label for line in lines(run.report(), run.report().tables[0]) if line.kind == "paper"]
    assert shown == ["Paper B/16 Classif", "Paper B/16 SigLIP Δ"]
    published = replace(run.report().published, conditions={"textvqa": {"evaluation.text_tower": "lit"}})
    known = {arm.label: _comparable("textvqa", published, arm.settings, run.experiment)
             for arm in arms_of(run.graph, run.experiment)}  # fmt: skip
    assert known == {"A": True, "B": True, "C": False}


def test_rows_are_held_against_the_control(made_up):
    report = made_up(["coco"], grid={"pretrain": ["classif", "siglip", "random"]}).report()
    assert [cell_of(report, label, "coco").control for label in ("Classif", "SigLIP", "Random")] == [
        "above",
        "above",
        None,
    ]
    assert cell_of(report, "Random", "coco").verdict is None


def test_a_failed_cell_is_visible_and_the_others_go_on(made_up):
    report = made_up(failed=lambda step: step.label == "transfer/caption siglip").report()
    failed = cell_of(report, "SigLIP", "coco")
    assert report.failed
    assert failed.status == "failed"
    assert failed.reasons == ("seed 0: transfer/caption siglip: the loss is not finite at step 7 of STORE",)
    assert failed.paper_delta.value == 3.6
    assert cell_of(report, "SigLIP", "textvqa").status == "done"
    assert [stage.label for stage in report.stages if stage.status == "failed"] == ["transfer/caption siglip"]


def test_a_failed_seed_makes_a_cell_partial(made_up):
    report = made_up(["probe"], seeds=[0, 1], failed=lambda step: step.kind == "vision" and step.seed == 1).report()
    cell = cell_of(report, "SigLIP", "probe")
    assert (cell.status, list(cell.per_seed), cell.delta.seeds) == ("partial", [0], 1)


def test_a_failed_baseline_leaves_values_without_differences(made_up):
    report = made_up(["probe"], failed=lambda step: step.label == "probe classif").report()
    cell = cell_of(report, "SigLIP", "probe")
    assert (cell.status, cell.delta, cell.verdict) == ("done", None, None)


def test_what_has_not_run_is_missing_and_not_failed(made_up):
    run = made_up(["probe"], failed=lambda step: step.kind == "probe")
    run.failures.clear()
    report = run.report()
    assert cell_of(report, "SigLIP", "probe").status == "missing"
    assert not report.failed


def test_stage_1_and_transfer_have_a_table_each_and_both_show_the_probe(made_up):
    run = made_up(["probe", "coco"], evaluation=schema.Evaluation(after=["multimodal", "transfer"]))
    report = run.report()
    assert [table.after for table in report.tables] == ["multimodal", "transfer"]
    assert [[column.name for column in table.columns] for table in report.tables] == [
        ["embedded/probe", "doodles/coco"]
    ] * 2
    early, late = (cell_of(report, "Classif", "coco", after) for after in ("multimodal", "transfer"))
    assert early.ours.mean < late.ours.mean - 5


@pytest.mark.parametrize("columns", [["probe"], ["xm3600"], ["refcocog", "vqav2"]])
def test_any_subset_of_columns_makes_one_table(made_up, columns):
    report = made_up(columns).report()
    (table,) = report.tables
    assert {column.source for column in table.columns} == set(columns)


def test_two_axes_compare_within_the_other_axis(made_up):
    report = made_up(["probe"], grid={"pretrain": ["classif", "siglip"], "model.vision.depth": [1, 2]}).report()
    versus = {row.label: row.baseline for row in report.tables[0].rows}
    assert versus["SigLIP, depth 2"] == "Classif, depth 2"
    assert versus["Classif, depth 1"] == ""


def test_samples_that_cannot_be_paired_are_said_and_not_hidden(made_up):
    run = made_up(["probe"])
    (step,) = [step for step in run.graph.steps if step.label == "probe siglip"]
    metrics = json.loads((run.store.path(step) / "metrics.json").read_text())
    metrics["samples"] = metrics["samples"][:-1]
    run.rewrite(step, "metrics.json", json.dumps(metrics))
    cell = cell_of(run.report(), "SigLIP", "probe")
    assert cell.delta is None
    assert cell.reasons[0].startswith("no difference: seed 0: 39 samples cannot be paired")


@pytest.mark.parametrize(
    ("text", "words"), [("{", r"metrics\.json is damaged"), ("{}", "its metrics have no usable probe: no 'value'")]
)
def test_damaged_metrics_fail_their_cell_and_nothing_else(made_up, tmp_path, text, words):
    """Of an artifact without digests, or of a plug-in: what the store cannot know to be damaged."""
    run = made_up(["probe", "coco"])
    (step,) = [step for step in run.graph.steps if step.label == "probe siglip"]
    run.rewrite(step, "metrics.json", text)
    report = run.report()
    cell = cell_of(report, "SigLIP", "probe")
    assert cell.status == "failed" and cell.ours is None and str(tmp_path) not in cell.reasons[0]
    assert re.search(words, cell.reasons[0]) and cell.reasons[0].startswith("seed 0: probe siglip: ")
    assert cell_of(report, "SigLIP", "coco").status == cell_of(report, "Classif", "probe").status == "done"
    assert run.timings()["stages"]


def test_two_rows_that_score_nothing_decide_nothing(made_up):
    run = made_up(["xm3600"])
    for step in run.graph.steps:
        if step.kind == "evaluate":
            zeros = {"value": 0.0, "n": 40, "extra": {"en": 0.0, "avg35": 0.0}, "samples": [0.0] * 40}
            run.rewrite(step, "metrics.json", json.dumps(zeros))
    # The paper's -0.2 is a tie, which a difference of exactly zero would follow.
    assert cell_of(run.report(), "SigLIP", "xm3600.avg35").verdict == "undecided"


def test_the_config_shown_has_nothing_of_the_machine(made_up, tmp_path):
    report = made_up(["probe"]).report()
    assert "runtime" not in report.config
    assert str(tmp_path) not in repr(report)
