"""The tables of a report for a paper, in LaTeX."""

from __future__ import annotations

import re
from textwrap import wrap

from pali3kit.report.encoder_size import size_columns, size_sentence
from pali3kit.report.escaping import escape_invisible
from pali3kit.report.model import Report, ResultTable
from pali3kit.report.paper import DAGGER
from pali3kit.report.table import ABSENT, describe_setting, lines

_WIDTH = 12  # characters of a line of a column's title or unit
_MANY = 6  # columns; a table of more spans both columns of a page that has two


def to_latex(report: Report) -> str:
    """The report's tables for a paper that loads booktabs and graphicx: with units, the number of test samples, scale
    and seeds, a label `tab:NAME-STAGE`, and the report's notes as comments.
    """
    blocks = ["% needs \\usepackage{booktabs,graphicx}"]
    for table in report.tables:
        label = re.sub(r"[^a-z0-9-]+", "-", f"{report.name}-{table.after}".lower())
        title = f"{report.name}: {table.title.lower()}, {describe_setting(report)}."
        daggers = [note for note in report.notes if note.startswith(DAGGER)]
        title = " ".join(filter(None, [title, size_sentence(table), *daggers]))
        caption = "\n".join([f"\\caption{{{_tex(title)}}}", f"\\label{{tab:{label}}}", *map(_comment, report.notes)])
        kind = "table*" if len(table.columns) + len(size_columns(table)) > _MANY else "table"
        body = f"\\centering\n\\setlength{{\\tabcolsep}}{{3pt}}\n{_tabular(report, table)}\n{caption}"
        blocks.append(f"\\begin{{{kind}}}\n{body}\n\\end{{{kind}}}")
    return "\n\n".join(blocks) + "\n"


def _tabular(report: Report, table: ResultTable) -> str:
    columns, block = table.columns, size_columns(table)
    titles = [title for title, _ in block] + [column.title for column in columns]
    units = [unit for _, unit in block] + [column.metric for column in columns]
    rows = [" & ".join(["", *map(_stacked, each)]) + " \\\\" for each in (titles, units)]
    if any(counts := [_samples(table, column.name) for column in columns]):
        rows.append(_row("test samples", *([""] * len(block)), *counts))
    rows.append("\\midrule")
    for line in lines(report, table):
        rows += ["\\midrule"] * line.opens + [_row(line.label, *line.sizes, *line.cells)]
    body = "\n".join(["\\toprule", *rows, "\\bottomrule"])
    spec = "l" + "r" * len(titles)
    return f"\\resizebox{{\\linewidth}}{{!}}{{%\n\\begin{{tabular}}{{{spec}}}\n{body}\n\\end{{tabular}}}}"


def _stacked(title: str) -> str:
    """A title or unit on as many lines as keep its column narrow, broken at spaces and after slashes."""
    wrapped = [_tex(line.replace("/ ", "/")) for line in wrap(title.replace("/", "/ "), _WIDTH)]
    return "\\shortstack[r]{" + " \\\\ ".join(wrapped) + "}" if len(wrapped) > 1 else "".join(wrapped)


def _comment(note: str) -> str:
    """A note of the report, for the author: a caption has no room for all."""
    return f"% {_tex(note)}"


def _samples(table: ResultTable, column: str) -> str:
    """The number of test samples of a column, with a dash between the least and the most where rows differ."""
    counts = {ours.n for row in table.rows if (ours := row.cells[column].ours) and ours.n}
    return "–".join(str(count) for count in dict.fromkeys((min(counts), max(counts)))) if counts else ""


def _row(*cells: str) -> str:
    return " & ".join(map(_tex, cells)) + " \\\\"


_TEX = {
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    **{sign: f"{{{sign}}}" for sign in "[]*"},  # after the end of a line they would be read as its options
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}",
    "±": "$\\pm$", "−": "$-$", "Δ": "$\\Delta$", "×": "$\\times$", DAGGER: "\\textdagger{}", ABSENT: "--",
}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(sign, sign) for sign in escape_invisible(text).replace("\n", " "))
