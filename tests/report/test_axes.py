"""Which axis of a grid is numeric, and how its values are spread."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_tables import cell, table

from pali3kit.report.axes import NumericAxis

IMAGES = "stages.vision.examples"


def axis(**grid):
    return NumericAxis.of(table({key.replace("__", "."): values for key, values in grid.items()}, ["coco"], made))


def made(point, column):
    return cell(1.0)


@pytest.mark.parametrize(
    ("grid", "key"),
    [
        ({"pretrain": ["classif", "siglip"]}, None),
        ({"model__image_size": [64]}, None),
        ({"stages__vision__seed": [0, 1, 2]}, None),
        ({"stages__resolution__increase_resolution": [False, True]}, None),
        ({"model__vision__depth": [None, 2, 4]}, None),
        ({"pretrain": ["classif"], "model__image_size": [96, 64]}, "model.image_size"),
        ({"model__image_size": [64, 96], "stages__vision__examples": [1, 2, 3]}, IMAGES),
        ({"model__image_size": [64, 96], "stages__vision__examples": [64, 96]}, "model.image_size"),
    ],
)
def test_the_numeric_axis_with_the_most_values_is_drawn_along(grid, key):
    found = axis(**grid)
    assert (found.key if found else None) == key


def test_an_empty_grid_has_no_axis():
    assert axis() is None


@pytest.mark.parametrize(
    ("values", "scale", "places"),
    [
        ([64, 96, 128], "linear", [0, 0.5, 1]),
        ([1000, 10, 100], "log", [0, 0.5, 1]),
        ([1e-2, 1e-4], "log", [0, 1]),
        ([0, 0.01, 1.0], "even", [0, 0.5, 1]),
        ([-1, 0, 1], "linear", [0, 0.5, 1]),
        ([0, 2, 4], "linear", [0, 0.5, 1]),
        ([-2, -1], "linear", [0, 1]),
    ],
)
def test_values_that_span_a_decade_are_on_a_log_scale(values, scale, places):
    found = axis(stages__vision__examples=values)
    assert found.values == tuple(sorted(values)) and found.scale == scale
    assert found.places() == pytest.approx(places)


def test_its_title_is_the_end_of_its_key_and_what_the_scale_is():
    assert axis(model__image_size=[64, 96]).title == "model image size"
    assert axis(stages__vision__examples=[22_400, 448_000]).title == "vision examples (log scale)"
    assert axis(stages__vision__optimizer__weight_decay=[0, 0.01, 1]).title == "optimizer weight decay (not to scale)"


def test_there_is_a_line_for_each_combination_of_the_other_axes():
    found = axis(pretrain=["classif", "random"], model__image_size=[64, 96], stages__vision__examples=[3, 1, 2])
    labels = ["Classif, image_size 64", "Classif, image_size 96", "Random, image_size 64", "Random, image_size 96"]
    assert [(line.label, line.control) for line in found.lines] == [
        *((label, False) for label in labels[:2]), *((label, True) for label in labels[2:])
    ]  # fmt: skip
    assert [row.point[IMAGES] for row in found.lines[0].rows] == [1, 2, 3]


def test_axes_of_one_value_are_no_part_of_labels_and_alone_it_has_one_line():
    found = axis(pretrain=["siglip"], model__image_size=[64, 96])
    assert [line.label for line in found.lines] == ["ours"]


def test_a_row_that_is_not_there_leaves_a_gap():
    whole = table({"pretrain": ["classif", "siglip"], "model.image_size": [64, 96, 128]}, ["coco"], made)
    axis = NumericAxis.of(type(whole)("transfer", whole.columns, whole.rows[:4]))
    assert [cell is None for cell in axis.lines[1].cells("embedded/coco")] == [False, True, True]


def test_a_named_arm_of_random_weights_is_a_control():
    whole = table({"arm": ["A", "B"], "model.image_size": [64, 96]}, ["coco"], made)
    pretrain = {"A": "siglip", "B": "random"}
    rows = tuple(replace(row, arm={"pretrain": pretrain[row.point["arm"]]}) for row in whole.rows)
    found = NumericAxis.of(replace(whole, rows=rows))
    assert [(line.label, line.control) for line in found.lines] == [("A", False), ("B", True)]
    alone = NumericAxis.of(replace(whole, rows=rows[2:]))
    assert [line.control for line in alone.lines] == [False], "without another there is nothing to tell it from"
