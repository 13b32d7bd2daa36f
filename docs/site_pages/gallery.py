"""The gallery: the reports of outcomes that are in the repository, drawn again when the site is built."""

from __future__ import annotations

from pathlib import Path

from pali3kit.config.experiments import shipped_experiments
from pali3kit.report.escaping import escape_invisible
from pali3kit.report.html import page
from pali3kit.report.outcomes import read_outcomes

EXTRA = "reference/extra"
"""The folder whose files the site has as they are, `html_extra_path` of `conf.py`."""
HEAD = """\
# Gallery

Reports of the outcomes that are kept in the repository (`docs/outcomes/*.json`), as
[`pali3kit report FILE.json`](../command-line.md#report) draws them: tables with intervals, charts, rank correlations.
[How each was made](../results.md).
"""


def _told(name: str) -> str:
    """What an experiment asks: the first line of its file, a comment; "" of one that does not ship."""
    file = shipped_experiments().get(name)
    return file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ") if file else ""


def pages(docs: Path) -> dict[str, str]:
    """The page with the charts and the report of each file of outcomes, and the reports themselves."""
    parts, reports = [HEAD], {}
    for file in sorted(docs.glob("outcomes/*.json")):
        report, place = read_outcomes(file), f"reports/{file.stem}.html"
        reports[f"{EXTRA}/{place}"] = escape_invisible(page(report, {"seconds": 0.0, "stages": []}))
        charts = sorted(docs.glob(f"outcomes/{file.stem}*.svg"))
        parts.append(f"## {file.stem}\n\n{_told(file.stem)}\n")
        parts += [f'<div class="figure">\n\n![{chart.stem}](../outcomes/{chart.name})\n\n</div>\n' for chart in charts]
        parts.append(f'<iframe class="report" src="../{place}" title="The report of {file.stem}"></iframe>\n')
        numbers = f"{{download}}`its numbers <../outcomes/{file.name}>`"
        parts.append(f'<a href="../{place}">The report alone</a> · {numbers}\n')
    return {"reference/gallery.md": "\n".join(parts), **reports}
