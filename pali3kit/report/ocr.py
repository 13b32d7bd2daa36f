"""Notes on the words of an external OCR system in prompts: how they were written, and where they did not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pali3kit.report.model import Report, Row

_HOW = ("order", "separator", "length")
_LEFT_OUT, _WITHOUT = "prompts with OCR words left out", "prompts without OCR words"


def ocr_notes(report: Report) -> Iterator[str]:
    """Yield the conditions of rows with words in their prompts, and by column the prompts that lack some or all."""
    rows = [row for table in report.tables for row in table.rows]
    words = _values(report, rows, "words")
    if chosen := [str(each) for each in words if each != "none"]:
        order, separator, length = (" or ".join(map(repr, _values(report, rows, key))) for key in _HOW)
        yield (
            f"Prompts with words of OCR ({', '.join(chosen)}) have them at the end, in the order {order}, separated by"
            f" {separator}, and may be longer by {length} tokens. PaLI-3's own form is not known."
        )
    published = [row for row in rows if "published" in _values(report, [row], "words")]
    if any(cell.status == "done" and cell.ours is None for row in published for cell in row.cells.values()):
        yield "A dash in the row of published OCR: no words of an OCR system were published with the set."
    for detail in report.details:
        count = max(detail.values.values(), default=0)
        if detail.name in (_LEFT_OUT, _WITHOUT) and count:
            yield f"{detail.column}: {count:g} {detail.name}."


def _values(report: Report, rows: Iterable[Row], key: str) -> list[object]:
    """The values of a key of `data.ocr` in some rows, each once."""
    return list(dict.fromkeys(row.settings.get(f"data.ocr.{key}", report.config["data"]["ocr"][key]) for row in rows))
