"""Charts: valid SVG, equal bytes for equal numbers, nothing outside the frame."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from pali3kit.report.charts import LETTER, WIDTH, curve_panels, delta_chart, nice_ticks


@pytest.mark.parametrize(
    ("low", "high", "count", "ticks"),
    [
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (-3.2, 21, 7, [-5, 0, 5, 10, 15, 20, 25]),
        (0.71, 0.74, 4, [0.71, 0.72, 0.73, 0.74]),
        (0, 0, 4, [0, 0.5]),
        (5, 5, 4, [4, 6]),
    ],
)
def test_ticks_are_round_and_cover_the_range(low, high, count, ticks):
    found = nice_ticks(low, high, count)
    assert found[0] <= low and found[-1] >= high and len(found) >= 2
    if low != high:
        assert found == ticks


def test_the_delta_chart_shows_each_difference_the_paper_and_the_failure(report):
    svg = ElementTree.fromstring(delta_chart(report, report.tables[0]))
    assert len(svg.findall(".//circle")) == 19  # two rows of ten columns, one of which failed
    assert len(svg.findall(".//path[@class='paper']")) == 10
    assert [text.text for text in svg.findall(".//text[@class='failed']")] == ["failed"]


def test_nothing_is_drawn_outside_the_frame(report):
    svg = ElementTree.fromstring(delta_chart(report, report.tables[0]))
    across = [float(circle.get("cx")) for circle in svg.findall(".//circle")]
    across += [float(x) for path in svg.findall(".//path") for x in re.findall(r"[MH]([\d.-]+)", path.get("d"))]
    assert min(across) >= 0 and max(across) <= WIDTH


def test_long_titles_are_inside_the_frame(made_up, add_benchmark):
    add_benchmark("a_benchmark_with_quite_a_long_name")
    report = made_up(["a_benchmark_with_quite_a_long_name"]).report()
    svg = ElementTree.fromstring(delta_chart(report, report.tables[0]))
    (title,) = (text for text in svg.iter("text") if text.get("class") is None)
    assert float(title.get("x")) >= LETTER * len(title.text) > WIDTH / 4


def test_without_differences_there_is_no_delta_chart(made_up):
    report = made_up(["probe"], grid={"pretrain": ["classif"]}).report()
    assert delta_chart(report, report.tables[0]) == ""


def test_each_kind_of_training_has_a_panel_with_a_line_per_arm_and_seed(made_up):
    report = made_up(["refcoco"], seeds=[0, 1]).report()
    panels = {svg.get("aria-label"): svg for svg in map(ElementTree.fromstring, curve_panels(report))}
    assert list(panels) == [
        f"Learning curve: {name}"
        for name in ("vision Classif", "vision SigLIP", "language", "mask_tokenizer", "multimodal", "transfer refer")
    ]
    assert len(panels["Learning curve: multimodal"].findall(".//path[@class='curve']")) == 4
    assert len(panels["Learning curve: mask_tokenizer"].findall(".//path[@class='curve']")) == 2


def test_names_are_escaped(made_up, add_benchmark):
    add_benchmark("x<y>&")
    report = made_up(["x<y>&"]).report()
    assert "x<y>&" in "".join(ElementTree.fromstring(delta_chart(report, report.tables[0])).itertext())


def test_a_loss_has_no_place_among_points(made_up):
    report = made_up(["probe", "denoising"]).report()
    svg = ElementTree.fromstring(delta_chart(report, report.tables[0]))
    assert len(svg.findall(".//circle")) == 1
    report = made_up(["denoising"]).report()
    assert delta_chart(report, report.tables[0]) == ""
