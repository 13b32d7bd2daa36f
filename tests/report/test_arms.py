"""Rows: their order, their names, what they are compared with, and why artifacts are missing."""

from __future__ import annotations

import pytest

from pali3kit.errors import DataError
from pali3kit.report.arms import ArtifactReader, _check_readable, _read_lines, _read_predictions, arms_of, label_of


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
    arms = arms_of(run.graph, run.experiment)
    assert [arm.label for arm in arms] == ["Classif, depth 1", "SigLIP, depth 1", "Classif, depth 2", "SigLIP, depth 2"]
    assert [arm.baseline for arm in arms] == ["", "Classif, depth 1", "", "Classif, depth 2"]


def test_rows_know_their_encoders_by_seed_and_the_control_is_one_for_all_numbers_of_images(made_up):
    grid = {"pretrain": ["siglip", "random"], "stages.vision.examples": [640, 1280]}
    run = made_up(["probe", "coco"], grid=grid, seeds=[0, 1], failed=lambda step: True)
    encoders = {arm.label: arm.encoders() for arm in arms_of(run.graph, run.experiment)}
    digests = {step.digest for step in run.graph.steps if step.kind == "vision"}
    assert len(digests) == 6 == len({each for found in encoders.values() for each in found.values()})
    assert encoders["Random, examples 640"] == encoders["Random, examples 1280"]
    assert [list(found) for found in encoders.values()] == [[0, 1]] * 4


def test_a_failure_is_told_to_all_that_depend_on_it_without_the_place_of_the_store(made_up, tmp_path):
    run = made_up(["refcoco"], failed=lambda step: step.kind == "mask_tokenizer")
    artifacts = ArtifactReader(run.store, run.failures)
    for step in run.graph.steps:
        if step.kind in ("mask_tokenizer", "transfer", "evaluate"):
            assert artifacts.failure(step) == "mask_tokenizer: the loss is not finite at step 7 of STORE"
        else:
            assert artifacts.failure(step) == ""


def test_a_failure_that_has_been_repaired_is_forgotten(made_up):
    run = made_up(["probe"])
    artifacts = ArtifactReader(run.store, {step.digest: "earlier" for step in run.graph.steps})
    assert {artifacts.failure(step) for step in run.graph.steps} == {""}


def test_predictions_may_hold_any_line_separator(tmp_path):
    (tmp_path / "predictions.jsonl").write_text(
        '{"prediction": "a\u2028b\x85c"}\n{"prediction": "d"}\n', encoding="utf-8"
    )
    assert [row["prediction"] for row in _read_predictions(tmp_path)] == ["a\u2028b\x85c", "d"]
    assert _read_predictions(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("metrics.json", "", "Expecting value"),
        ("metrics.json", "[1]", "has no attribute"),
        ("metrics.json", "[" * 99_999, "recursion"),
        ("metrics.json", '{"value": "high"}', "a value is not a number"),
        ("metrics.json", '{"value": 1, "samples": [1, null]}', "a sample is not a number"),
        ("metrics.json", '{"value": 1, "samples": 3}', "not iterable"),
        ("metrics.json", '{"value": 1, "extra": []}', "extra is not a mapping"),
        ("metrics.json", '{"columns": []}', "has no attribute"),
        ("metrics.json", '{"columns": {"top1": {"value": null}}}', "a value is not a number"),
        ("predictions.jsonl", "{", "Expecting property name"),
        ("predictions.jsonl", "[]", "has no attribute"),
        ("predictions.jsonl", '{"image": "one"}', "an image is not an integer"),
        ("predictions.jsonl", '{"prompt": "x"}', "a line has no image"),
        ("predictions.jsonl", '{"image": 1, "score": "x"}', "a score is not a number"),
        ("curve.csv", "step,loss\n1,\n", "could not convert"),
        ("curve.csv", "a,b\n1,2\n", "'step'"),
        ("curve.csv", 'step,loss\n1,"' + "x" * 200_000, "field larger"),
    ],
)
def test_what_a_report_cannot_read_is_told_with_its_file(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=words) as raised:
        _check_readable(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path / name} is damaged: ")
    assert "Delete its folder and run the same command again" in str(raised.value)


def test_half_a_text_is_read_as_far_as_it_is_one(tmp_path):
    (tmp_path / "skipped.txt").write_bytes("image 1: é".encode()[:-1])
    assert _read_lines(tmp_path / "skipped.txt") == ["image 1: \ufffd"]


def test_variants_of_one_part_are_rows_of_their_own(made_up):
    projectors = [{"name": "linear", "positions": positions} for positions in ("none", "sine2d")]
    run = made_up(["coco"], grid={"pretrain": ["classif", "siglip"], "model.projector": projectors})
    assert [arm.label for arm in arms_of(run.graph, run.experiment)] == [
        "Classif, projector linear (positions none)",
        "SigLIP, projector linear (positions none)",
        "Classif, projector linear (positions sine2d)",
        "SigLIP, projector linear (positions sine2d)",
    ]


def test_options_in_which_rows_do_not_differ_are_not_in_their_labels(made_up):
    projectors = [
        {"name": "linear", "positions": "none"},
        {"name": "mlp", "positions": "none", "hidden": 64},
        {"name": "mlp", "positions": "none", "hidden": 32},
    ]
    run = made_up(["coco"], grid={"pretrain": ["classif", "siglip"], "model.projector": projectors})
    assert [(arm.label, arm.baseline) for arm in arms_of(run.graph, run.experiment)[-2:]] == [
        ("Classif, projector mlp (hidden 32)", ""),
        ("SigLIP, projector mlp (hidden 32)", "Classif, projector mlp (hidden 32)"),
    ]
