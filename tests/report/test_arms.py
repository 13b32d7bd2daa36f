"""Rows: their order, their names, what they are compared with, and why artifacts are missing."""

from __future__ import annotations

import pytest

from pali3kit.report.arms import Shelf, arms_of, label_of, partner_of, read_predictions


@pytest.mark.parametrize(
    ("point", "label"),
    [
        ({"pretrain": "siglip"}, "SigLIP"),
        ({"pretrain": "classif", "model.vision.depth": 4}, "Classif, depth 4"),
        ({"model.projector": {"name": "linear", "positions": "none"}}, "projector linear (positions none)"),
        ({"model.projector": {"name": "linear"}}, "projector linear"),
        ({}, "ours"),
    ],
)
def test_points_are_named_for_people(point, label):
    assert label_of(point) == label


def test_baselines_come_first_and_the_control_last(made_up):
    run = made_up(["probe"], grid={"pretrain": ["random", "siglip", "classif"]})
    assert [arm.label for arm in arms_of(run.graph, run.experiment)] == ["Classif", "SigLIP", "Random"]


def test_two_axes_are_grouped_by_what_they_are_compared_with(made_up):
    run = made_up(["probe"], grid={"pretrain": ["classif", "siglip"], "model.vision.depth": [1, 2]})
    labels = [arm.label for arm in arms_of(run.graph, run.experiment)]
    assert labels == ["Classif, depth 1", "SigLIP, depth 1", "Classif, depth 2", "SigLIP, depth 2"]
    assert partner_of({"pretrain": "siglip", "model.vision.depth": 2}, run.experiment) == {
        "pretrain": "classif",
        "model.vision.depth": 2,
    }


def test_a_failure_is_told_to_all_that_depend_on_it_without_the_place_of_the_store(made_up, tmp_path):
    run = made_up(["refer"], failed=lambda step: step.kind == "masks")
    shelf = Shelf(run.store, run.failures)
    for step in run.graph.steps:
        if step.kind in ("masks", "transfer", "evaluate"):
            assert shelf.failure(step) == "masks: the loss is not finite at step 7 of STORE"
        else:
            assert shelf.failure(step) == ""


def test_a_failure_that_has_been_repaired_is_forgotten(made_up):
    run = made_up(["probe"])
    shelf = Shelf(run.store, {step.digest: "earlier" for step in run.graph.steps})
    assert {shelf.failure(step) for step in run.graph.steps} == {""}


def test_predictions_may_hold_any_line_separator(tmp_path):
    (tmp_path / "predictions.jsonl").write_text(
        '{"prediction": "a\u2028b\x85c"}\n{"prediction": "d"}\n', encoding="utf-8"
    )
    assert [row["prediction"] for row in read_predictions(tmp_path)] == ["a\u2028b\x85c", "d"]
    assert read_predictions(tmp_path / "absent") == []


def test_variants_of_one_part_are_rows_of_their_own(made_up):
    projectors = [{"name": "linear", "positions": positions} for positions in ("none", "sine2d")]
    run = made_up(["caption"], grid={"pretrain": ["classif", "siglip"], "model.projector": projectors})
    assert [arm.label for arm in arms_of(run.graph, run.experiment)] == [
        "Classif, projector linear (positions none)",
        "SigLIP, projector linear (positions none)",
        "Classif, projector linear (positions sine2d)",
        "SigLIP, projector linear (positions sine2d)",
    ]
