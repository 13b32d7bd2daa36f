"""Learning curves, parts of scores and versions."""

from __future__ import annotations

import numpy
import pytest


def test_curves_know_who_uses_them(report):
    labels = {(curve.panel, curve.label) for curve in report.curves}
    assert {("language", "shared"), ("mask_tokenizer", "shared"), ("multimodal", "SigLIP")} <= labels
    assert ("transfer vqa_text", "Random") in labels


def test_the_losses_of_different_pretrainings_are_not_drawn_together(report):
    panels = {curve.panel: curve.label for curve in report.curves if curve.panel.startswith("vision")}
    assert panels["vision Classif"] == "Classif"
    assert panels["vision SigLIP"] == "SigLIP"


def test_points_are_steps_and_losses(report):
    curve = next(curve for curve in report.curves if curve.panel == "language")
    assert [step for step, _ in curve.points[:3]] == [1, 4, 7]
    assert curve.points[0][1] > curve.points[-1][1] > 0.7


def test_parts_of_a_score_are_means_over_seeds(made_up):
    run = made_up(["probe"], seeds=[0, 1])
    report = run.report()
    (digits,) = [detail for detail in report.details if detail.name == "tasks / digits"]
    cell = report.tables[0].rows[0].cells["embedded/probe"]
    assert digits.values["Classif"] == pytest.approx(cell.ours.mean - 5, abs=2)
    assert set(digits.values) == {"Classif", "SigLIP"}


def test_versions_are_those_of_the_artifacts(report):
    assert report.versions["numpy"] == numpy.__version__
