"""The gallery: the reports of outcomes that are in the repository, drawn again when the site is built."""

from __future__ import annotations

from pathlib import Path

HEAD = """\
# Gallery

Reports of the outcomes that are kept in the repository (`docs/outcomes/*.json`), as
[`pali3kit report FILE.json`](../command-line.md#report) draws them: tables with intervals, charts, rank correlations.
[How each was made](../results.md).
"""


def pages(docs: Path) -> dict[str, str]:
    """The page with the charts of each file of outcomes."""
    parts = [HEAD]
    for file in sorted(docs.glob("outcomes/*.json")):
        charts = sorted(docs.glob(f"outcomes/{file.stem}*.svg"))
        parts.append(f"## {file.stem}\n")
        parts += [f"![{chart.stem}](../outcomes/{chart.name})\n" for chart in charts]
        parts.append(f"{{download}}`The numbers <../outcomes/{file.name}>`\n")
    return {"reference/gallery.md": "\n".join(parts)}
