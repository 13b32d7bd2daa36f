"""Tables in LaTeX: escaped, with units, samples, seeds and a label."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
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


def test_wide_tables_span_both_columns_and_units_are_stacked():
    many = table({"pretrain": ["classif", "siglip"]}, ["coco", "knn"] * 4, lambda point, column: cell(1.0))
    text = to_latex(replace(made_report(many), config={"scale": "embedded"}))
    assert text.count("\\begin{table*}") == text.count("\\end{table*}") == 1
    few = table({"pretrain": ["classif", "siglip"]}, ["coco", "vqav2"], lambda point, column: cell(1.0))
    text = to_latex(replace(made_report(few), config={"scale": "embedded"}))
    assert "\\begin{table}\n" in text and "\\shortstack[r]{VQA \\\\ accuracy, \\%}" in text


DOCUMENT = r"""\documentclass{article}
\usepackage{booktabs,graphicx}
\begin{document}
Table~\ref{%s}.
\input{report}
\end{document}
"""


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX here")
def test_a_document_with_it_compiles(tmp_path: Path) -> None:
    arms = table({"pretrain": ["[1]", "50 % & _x_"]}, ["coco", "knn"], lambda point, column: cell(1.0, 2.0))
    (tmp_path / "report.tex").write_text(to_latex(replace(made_report(arms), name="a_b", config={"scale": "embedded"})))
    (tmp_path / "document.tex").write_text(DOCUMENT % "tab:a-b-transfer")
    for _ in range(2):  # the second time with the label
        done = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document.tex"],
            cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-2000:]
    assert "undefined" not in done.stdout and "Overfull" not in done.stdout
    assert (tmp_path / "document.pdf").stat().st_size > 1000
