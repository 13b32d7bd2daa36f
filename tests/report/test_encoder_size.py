"""Sizes of the rows' encoders: from the shape of ours, from the artifact of another one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from made_tables import cell, table
from made_tables import report as made_report

from pali3kit.config.component import Component
from pali3kit.report.encoder_size import size_cells, size_columns, size_sentence
from pali3kit.report.html import page
from pali3kit.report.latex import to_latex
from pali3kit.report.markdown import to_markdown
from pali3kit.report.model import EncoderSize

SMALL, LARGE = EncoderSize(64, 1_190_000, 16, 41_400_000), EncoderSize(128, 2_000_000_000, 64, 3_000_000_000)


def sized(*sizes):
    """A report of two rows with these sizes of their encoders."""
    made = table({"pretrain": ["classif", "siglip"]}, ["coco"], lambda point, _: cell(1.0))
    rows = tuple(replace(row, encoder_sizes=each) for row, each in zip(made.rows, sizes, strict=True))
    return replace(made_report(replace(made, rows=rows)), config={"scale": "embedded", "data": {}})


def test_encoders_of_different_size_have_columns():
    report = sized((SMALL,), (LARGE,))
    assert [title for title, _ in size_columns(report.tables[0])] == ["parameters", "resolution", "tokens", "FLOPs"]
    assert size_cells(report.tables[0].rows[0]) == ("1.19M", "64", "16", "41.4M")
    assert size_cells(report.tables[0].rows[1]) == ("2B", "128", "64", "3G")
    latex, markdown = to_latex(report), to_markdown(report)
    assert "\n & encoder & pixels & per image & per image & CIDEr" in latex
    assert "\nClassif & 1.19M & 64 & 16 & 41.4M & 1.0 " in latex and "{lrrrrr}" in latex
    assert "test samples &  &  &  &  & 40" in latex
    assert "| Classif | 1.19M | 64 | 16 | 41.4M | 1.0 " in markdown
    html = page(report, {"seconds": 0.0, "stages": []}, {})
    assert "<td>41.4M</td>" in html and '<span class="metric">pixels</span>' in html
    assert not size_sentence(report.tables[0])


def test_encoders_of_one_size_have_a_sentence():
    report = sized((SMALL,), (SMALL,))
    sentence = "Image encoder: 1.19M parameters; images of 64 pixels, 16 tokens, 41.4M FLOPs forward."
    assert size_columns(report.tables[0]) == () and size_sentence(report.tables[0]) == sentence
    for text in (to_latex(report), to_markdown(report), page(report, {"seconds": 0.0, "stages": []}, {})):
        assert text.count(sentence) == 1 and "resolution" not in text


def test_several_resolutions_are_a_range_and_what_is_unknown_a_dash():
    report = sized((SMALL, replace(LARGE, parameters=1_190_000)), (EncoderSize(224, 86_000_000),))
    assert [size_cells(row) for row in report.tables[0].rows] == [
        ("1.19M", "64–128", "16–64", "41.4M–3G"), ("86M", "224", "–", "–"),
    ]  # fmt: skip
    unknown = sized((), ()).tables[0]
    assert size_columns(unknown) == () and not size_sentence(unknown)


@pytest.mark.parametrize("key", ["encoder_size", "size", ""])
def test_of_a_run(made_up, key):
    """Of our encoder by its shape, of another one by what its artifact tells: not by `size`, with pooling."""
    other = Component(name="timm/made_up")
    shape = {"width": 32, "depth": 1, "heads": 2, "mlp": 64, "patch": 8, "head": "map", "size": None}
    grid = {"model.vision": [Component(name="vit", options=shape), other], "model.image_size": [64, 128]}
    run = made_up(["coco", "probe"], grid=grid, baseline={}, pretrain="random", paper="")
    for step in run.graph.steps:
        if step.kind == "vision" and key:
            size = {"parameters": 7, "tokens": 5, "flops": step.plain["image_size"]}
            (run.store.path(step) / "config.json").write_text(json.dumps({key: size}))
    found = {row.label: row.encoder_sizes for row in run.report().tables[0].rows}
    ours, larger, told, _ = found.values()
    assert ours == (EncoderSize(64, 6176 + 64 * 32 + 8544 + 64, 64, 2_359_296),)
    assert larger[0].tokens == 256 and larger[0].parameters - ours[0].parameters == 192 * 32
    assert told == (EncoderSize(64, 7, 5, 64) if key == "encoder_size" else EncoderSize(64),)
