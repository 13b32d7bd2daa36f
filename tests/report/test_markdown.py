"""Markdown has the charts along an axis as links, and what the encoder alone predicts."""

from __future__ import annotations

from made_tables import cell, report, table

from pali3kit.report.markdown import to_markdown

GRID = {"pretrain": ["siglip"], "stages.vision.examples": [10, 20, 40, 80, 160]}


def made(point, column):
    return cell(float(point["stages.vision.examples"]))


def test_charts_and_correlations_follow_their_table():
    text = to_markdown(report(table(GRID, ["probe", "coco"], made)), ["report-transfer.svg"])
    chart = "![After transfer, against vision examples (log scale)](report-transfer.svg)"
    assert text.index("## After transfer\n") < text.index(chart) < text.index("predicted by the encoder alone")
    assert "| Probe (8 embedded tasks) | 1.00 \\[1.00, 1.00\\], n 5 |" in text
    assert "Spearman's rank correlation" in text


def test_without_a_chart_there_is_no_link():
    text = to_markdown(report(table({"pretrain": ["siglip", "classif"]}, ["coco"], lambda *_: cell(1.0))), [""])
    assert "![" not in text and "predicted" not in text
