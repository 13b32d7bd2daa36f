"""Few-shot curves and bars of languages."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from pali3kit.report.arms import Arm
from pali3kit.report.charts import figure_chart
from pali3kit.report.columns import EvaluationSets
from pali3kit.report.evidence import figures
from pali3kit.report.model import FigureData


class Folders:
    """A reader of artifacts whose steps know their folders."""

    def folder(self, step):
        return step.place

    def metrics(self, step):
        return json.loads((step.place / "metrics.json").read_text())


@pytest.fixture
def arms(tmp_path):
    """Two arms with two seeds of a probe and one of retrieval; a third that shares the first's encoder."""

    def leave(name, metrics):
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.json").write_text(json.dumps(metrics))
        return SimpleNamespace(digest=name, place=tmp_path / name)

    def probe(name, *values):
        return leave(name, {"curve": dict(zip(("1-shot", "10-shot"), values, strict=True))})

    def languages(name, en, de):
        told = {
            "i2t@1/en": en,
            "i2t@1/de": de,
            "i2t@1": (en + de) / 2,
            "i2t@5/en": 99.0,
            "t2i@1/en": de,
            "t2i@1/de": en,
        }
        return leave(name, {"columns": {}, "extra": told})

    first = {0: probe("a0", 10.0, 30.0), 1: probe("a1", 20.0, 40.0)}
    return [
        Arm("One", {}, {"probe": first, "retrieval": {0: languages("r0", 5.0, 7.0)}}),
        Arm("Other", {}, {"probe": {0: probe("b0", 1.0, 2.0)}}),
        Arm("One, LiT-tuned", {}, {"probe": first}),
    ]


def test_curves_are_means_over_seeds_and_rows_that_share_an_encoder_are_drawn_once(arms):
    curve, *_ = figures(arms, Folders(), EvaluationSets(probes=2))
    assert curve == FigureData(
        "lines", "Probe (2 embedded tasks)", ("1-shot", "10-shot"), {"One": (15.0, 35.0), "Other": (1.0, 2.0)}
    )


def test_there_are_bars_of_each_language_both_ways(arms):
    _, found, sought = figures(arms, Folders(), EvaluationSets(captioned="xm3600"))
    assert found == FigureData("bars", "XM3600 (image to text), R@1", ("en", "de"), {"One": (5.0, 7.0)})
    assert sought.series == {"One": (7.0, 5.0)} and sought.title == "XM3600 (text to image), R@1"


def test_arms_with_other_shots_have_a_figure_of_their_own(arms, tmp_path):
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "metrics.json").write_text(json.dumps({"curve": {"1-shot": 3.0, "20-shot": 4.0}}))
    other = Arm("More", {}, {"probe": {0: SimpleNamespace(digest="c", place=tmp_path / "c")}})
    found = [figure for figure in figures([*arms, other], Folders(), EvaluationSets()) if figure.kind == "lines"]
    assert [(figure.places, list(figure.series)) for figure in found] == [
        (("1-shot", "10-shot"), ["One", "Other"]),
        (("1-shot", "20-shot"), ["More"]),
    ]


def test_what_was_not_measured_has_no_figure(arms):
    assert list(figures([Arm("One", {}, {"vqav2": arms[0].steps["probe"]})], Folders(), EvaluationSets())) == []


@pytest.mark.parametrize("kind", ["lines", "bars"])
def test_charts_are_valid_and_say_their_numbers(kind):
    figure = FigureData(kind, "A <title>", ("en", "de"), {"One": (5.0, 50.0), "Two & more": (25.0, 0.0)})
    chart = figure_chart(figure, {"One": "s0", "Two & more": "s1"})
    root = ElementTree.fromstring(chart)
    tips = [step.text for step in root.iter("title")]
    assert tips == ["One, en: 5.0", "One, de: 50.0", "Two & more, en: 25.0", "Two & more, de: 0.0"]
    assert root.attrib["aria-label"] == "A <title>"
    marks = [step for step in root.iter() if step.tag == ("circle" if kind == "lines" else "rect")]
    assert len(marks) == 4 and figure_chart(figure, {"One": "s0", "Two & more": "s1"}) == chart
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for x, y in re.findall(r'(?:cx|x)="([\d.]+)" (?:cy|y)="([\d.]+)"', chart):
        assert 0 <= float(x) <= width and 0 <= float(y) <= height


def test_a_bar_is_as_high_as_its_number():
    chart = figure_chart(FigureData("bars", "t", ("en", "de"), {"One": (20.0, 40.0)}), {})
    low, high = (float(step.attrib["height"]) for step in ElementTree.fromstring(chart).iter("rect"))
    assert high == pytest.approx(2 * low, rel=0.01)
