"""Charts along a numeric axis: three shapes of grid, valid SVG, nothing outside the frame, equal bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from made_tables import FAILED, cell, report, table

from pali3kit.report.axis_chart import _HEIGHT, _WIDTH, axis_chart, svg_file
from pali3kit.report.paper import PaperTable

IMAGES, RATE = "stages.vision.examples", "stages.multimodal.optimizer.learning_rate"
COUNTS = [22_400, 44_800, 89_600, 179_200, 448_000]


def drawn(found, paper=""):
    return ElementTree.fromstring(axis_chart(report(found, paper=paper), found))


def texts(svg, kind="text"):
    return [text.text for text in svg.iter("text") if text.get("class") == kind]


def paths(svg, kind):
    return [path.get("d") for path in svg.iter("path") if path.get("class") == kind]


def with_paper(found):
    """The table with the paper's numbers, as `collect` adds them."""
    published = PaperTable.load("table1")

    def beside(row, column):
        return replace(row.cells[column.name], paper=published.absolute(row.point["pretrain"], column.key))

    rows = [replace(row, cells={each.name: beside(row, each) for each in found.columns}) for row in found.rows]
    return replace(found, rows=tuple(rows))


@pytest.fixture
def alone():
    """One numeric axis."""
    return table(
        {"model.image_size": [64, 96, 128]}, ["coco", "textvqa"], lambda point, _: cell(point["model.image_size"])
    )


@pytest.fixture
def arms():
    """Arms and a control along five numbers of images; three seeds at one of them."""

    def made(point, column):
        value = 3.0 if point["pretrain"] == "random" else COUNTS.index(point[IMAGES]) * 10.0
        if point[IMAGES] == 44_800:
            return cell(value, value + 1, value + 2, method="t over seeds")
        return cell(value)

    grid = {"pretrain": ["classif", "siglip", "random"], IMAGES: COUNTS}
    return with_paper(table(grid, ["probe", "textvqa", "refcoco", "coco"], made))


@pytest.fixture
def two_axes():
    """Arms with two numeric axes, in which a point failed and another is missing."""

    def made(point, column):
        if point["pretrain"] == "siglip" and point["model.image_size"] == 96 and point[RATE] == 1e-3:
            return FAILED
        if point["pretrain"] == "classif" and point["model.image_size"] == 64 and point[RATE] == 1e-3:
            return cell()
        return cell(point["model.image_size"] / 10)

    grid = {"pretrain": ["classif", "siglip"], "model.image_size": [64, 96], RATE: [1e-5, 1e-4, 1e-3, 1e-2]}
    return table(grid, ["coco", "vqav2"], made)


def test_one_axis_alone_is_one_line_in_each_panel(alone):
    svg = drawn(alone)
    assert texts(svg, "name") == ["embedded/coco", "embedded/textvqa"]
    assert len(paths(svg, "curve")) == 2 and len(list(svg.iter("circle"))) == 6
    assert "ours" not in texts(svg, None)
    assert {"64", "96", "128", "model image size"} <= set(texts(svg, "tick"))


def test_each_arm_has_a_line_and_the_control_is_grey(arms):
    svg = drawn(arms, "table1")
    lines = [group.get("class") for group in svg.iter("g") if group.find("path[@class='curve']") is not None]
    assert lines[:3] == ["s0 d0", "s1 d0", "shared d0"] and lines.count("shared d0") == 5  # the legend's first
    assert texts(svg, None)[:3] == ["Classif", "SigLIP", "Random"]
    assert texts(svg, "tick").count("448,000") == texts(svg, "tick").count("22,400") == 4


def test_ticks_are_at_the_measured_values_and_labels_never_overlap(arms):
    (panel, *_) = drawn(arms, "table1").findall("g[@transform]")[-4:]
    marks = [float(d[1:].split()[0]) for d in paths(panel, "axis") if "v5" in d]
    assert len(marks) == 5
    distances = [after - before for before, after in pairwise(marks)]
    assert distances[:3] == pytest.approx([distances[0]] * 3, abs=0.2)  # each is twice the one before
    rows = {}
    for text in panel.iter("text"):
        if text.get("class") == "tick" and "," in (text.text or "") and text.text[0].isdigit():
            half = 6 * len(text.text) / 2
            rows.setdefault(text.get("y"), []).append((float(text.get("x")) - half, float(text.get("x")) + half))
    assert sum(map(len, rows.values())) == 5
    for spans in rows.values():
        assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_whiskers_over_seeds_have_caps_and_the_legend_says_so(arms):
    svg = drawn(arms, "table1")
    whiskers = paths(svg, "whisker")
    assert sum("h8" in d and "V" in d for d in whiskers) == 3 * 4 + 1  # of the legend, one
    assert "95% interval over seeds" in texts(svg, None)
    assert "95% interval over test samples (fewer than 3 seeds)" in texts(svg, None)
    tips = [title.text for title in svg.iter("title")]
    assert "SigLIP, 44,800: 11.0 (10.0 to 12.0, t over seeds)" in tips


def test_whiskers_and_axis_end_where_scores_do():
    """Of a share in percent; a CIDEr has no upper end. Texts have the whole interval, and only its own ends caps."""
    wide = table({IMAGES: [1, 2]}, ["vqav2", "coco"], lambda *_: cell(48, 50, 52, method="t over seeds", half=177.0))
    bounded, free = (panel for panel in drawn(wide).findall("g[@transform]")[-2:])
    ticks = [[float(text.replace("−", "-")) for text in texts(panel, "tick")
              if re.fullmatch(r"−?[\d.]+", text) and text not in ("1", "2")] for panel in (bounded, free)]  # fmt: skip
    assert (min(ticks[0]), max(ticks[0])) == (0, 100) and min(ticks[1]) < 0 and max(ticks[1]) > 100
    assert "h8" not in "".join(paths(bounded, "whisker")) and "".join(paths(free, "whisker")).count("h8") == 4
    assert all("(−127.0 to 227.0, t over seeds)" in title.text for title in bounded.iter("title"))
    assert len(list(bounded.iter("circle"))) == 2


@pytest.mark.parametrize("score", [0.0, 100.0])
def test_a_chart_of_one_extreme_score_has_an_axis(score):
    found = drawn(table({IMAGES: [1, 2]}, ["vqav2"], lambda *_: cell(score, half=0.0)))
    assert {float(text) for text in texts(found, "tick") if re.fullmatch(r"\d+", text)} >= {score}
    assert len(list(found.iter("circle"))) == 2


def test_scores_beyond_their_bounds_are_drawn_as_they_are():
    """A plug-in's benchmark may say that its answers are right or wrong, and score otherwise."""
    assert "120" in texts(drawn(table({IMAGES: [1, 2]}, ["vqav2"], lambda *_: cell(120.0, half=30.0))), "tick")


def test_the_papers_numbers_stand_beside_the_panel_with_daggers(arms):
    svg = drawn(arms, "table1")
    beside = texts(svg, "beside")
    assert beside == ["↑83.7†", "↑81.1†", "35.8†", "22.5†", "↑63.1†", "↑46.3†", "↑131.3†", "↑127.7†"]
    assert len(paths(svg, "paper")) == 2 + 1  # those within their panel, and the legend's
    assert any("the paper, ViT-B/16 († recalled" in text for text in texts(svg, None))
    heights = [float(text.get("y")) for text in svg.iter("text") if text.get("class") == "beside"]
    assert all(second - first >= 12 for first, second in zip(heights[::2], heights[1::2], strict=True))


def test_lines_are_broken_where_a_point_is_missing_and_crosses_mark_failures(two_axes):
    svg = drawn(two_axes)
    curves = paths(svg, "curve")[4:]  # after the legend's
    assert [d.count("M") for d in curves] == [2, 1, 1, 2] * 2
    assert len(list(svg.iter("circle"))) == 4 + 2 * 14
    crosses = [d for d in paths(svg, "whisker") if "l8 8" in d]
    assert len(crosses) == 2 + 1 and "failed" in texts(svg, None)
    assert {"1e-5", "0.0001", "0.001", "0.01"} <= set(texts(svg, "tick"))


def test_more_lines_than_colours_differ_in_their_dashes():
    grid = {"model.vision.name": list("abcdefgh"), IMAGES: [1, 2]}
    svg = drawn(table(grid, ["coco"], lambda point, _: cell(float(point[IMAGES]))))
    styles = {group.get("class") for group in svg.iter("g") if group.get("class")}
    assert {"s0 d0", "s5 d0", "s0 d1", "s1 d1"} <= styles


@pytest.mark.parametrize("shape", ["alone", "arms", "two_axes"])
def test_nothing_is_drawn_outside_a_panel(shape, request):
    found = request.getfixturevalue(shape)
    made = report(found, paper="table1" if shape == "arms" else "")
    svg = ElementTree.fromstring(axis_chart(made, found))
    panels = svg.findall("g[@transform]")[-len(found.columns) :]
    for panel in panels:
        for d in (path.get("d") for path in panel.iter("path")):
            for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", d):
                assert 0 <= float(x) <= _WIDTH and 0 <= float(y) <= _HEIGHT
    assert axis_chart(made, found) == axis_chart(made, found)


@pytest.mark.parametrize("grid", [{"model.image_size": [64]}, {"pretrain": ["classif", "siglip"]}])
def test_without_an_axis_or_without_numbers_there_is_no_chart(grid, alone):
    assert axis_chart(report(), table(grid, ["coco"], lambda *_: cell(1.0))) == ""
    assert axis_chart(report(), table({"model.image_size": [64, 96]}, ["coco"], lambda *_: cell())) == ""


def test_a_column_that_is_zero_everywhere_and_one_that_nobody_measured():
    def made(point, column):
        return cell(0.0, half=0.0) if column == "textvqa" else cell()

    svg = drawn(table({"model.image_size": [64, 96]}, ["textvqa", "coco"], made))
    assert texts(svg, "name") == ["embedded/textvqa"]
    assert len({circle.get("cy") for circle in svg.iter("circle")}) == 1


def test_a_range_of_scores_never_begins_below_zero_but_one_of_losses_may():
    svg = drawn(
        table({"model.image_size": [64, 96]}, ["coco"], lambda point, _: cell(point["model.image_size"] - 63.0))
    )
    assert not any(text.startswith("−") for text in texts(svg, "tick"))
    svg = drawn(
        table({"model.image_size": [64, 96]}, ["coco"], lambda point, _: cell(point["model.image_size"] - 80.0))
    )
    assert any(text.startswith("−") for text in texts(svg, "tick"))


def test_a_file_has_its_own_colours_size_and_ground(arms):
    text = svg_file(axis_chart(report(arms, paper="table1"), arms))
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg" and text.endswith("\n")
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    style, ground = root[0], root[1]
    assert "--s0" in style.text and ".chart .curve" in style.text and ground.get("fill") == "var(--card)"


def test_names_are_escaped(add_benchmark):
    add_benchmark("x<y>&")
    found = table({"model.projector.name": ["<i>", "b"], "model.image_size": [64, 96]}, ["x<y>&"], lambda *_: cell(1.0))
    svg = drawn(found)
    assert "x<y>&, embedded" in texts(svg, "name") and any("<i>" in (text or "") for text in texts(svg, None))
