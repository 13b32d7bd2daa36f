"""Tables in LaTeX: escaped, with units, samples, seeds and a label."""

from __future__ import annotations

from dataclasses import replace

from made_tables import cell, table
from made_tables import report as made_report

from pali3kit.report.latex import to_latex


def test_a_row_of_latex_is_no_option_of_the_line_before(report):
    first, *others = report.tables[0].rows
    renamed = replace(report.tables[0], rows=(replace(others[0], label="[1, 2]"), replace(first, label="*"), *others))
    text = to_latex(replace(report, tables=(renamed,)))
    assert "\n{[}1, 2{]}" in text and "\n{*} &" in text


def test_latex_escapes_and_balances(report):
    text = to_latex(report)
    assert "doodles/xm3600 (avg-35)" in text
    assert "83.7\\textdagger{}" in text and "$\\pm$" in text and "$\\Delta$" in text
    assert text.count("{") == text.count("}")
    assert not set("†±Δ−–") & set(text)
    assert text.count("\\midrule") == 4


def test_units_samples_scale_seeds_and_a_label_are_in_a_table():
    arms = table({"pretrain": ["classif", "siglip"]}, ["coco", "knn"], lambda point, column: cell(1.0, 2.0))
    text = to_latex(replace(made_report(arms), name="Made up_1", config={"scale": "embedded"}, seeds=(0, 1)))
    assert "\n & CIDEr $\\times$ 100 & accuracy, \\% & " in text
    assert "\ntest samples & 40 & 40 & 40 & 40 \\\\\n\\midrule" in text
    assert "\\caption{Made up\\_1: " in text and "scale embedded, seeds 0, 1; " in text
    assert "\\label{tab:made-up-1-transfer}" in text


def test_rows_of_different_samples_give_their_range():
    arms = table({"pretrain": ["classif", "siglip"]}, ["coco"], lambda point, column: cell(1.0))
    first, second = arms.rows
    [column] = arms.columns
    other = replace(second.cells[column.name], ours=replace(second.cells[column.name].ours, n=500))
    rows = (first, replace(second, cells={column.name: other}))
    text = to_latex(replace(made_report(replace(arms, rows=rows)), config={"scale": "embedded"}))
    assert "test samples & 40--500 " in text
