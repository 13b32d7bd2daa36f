"""Notes on the words of an external OCR system in prompts: how they were written, and where they did not fit."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.report.model import Report

_LEFT_OUT, _WITHOUT = "prompts with OCR words left out", "prompts without OCR words"


def ocr_notes(report: Report) -> Iterator[str]:
    """Yield the conditions of rows with words in their prompts, and by column the prompts that lack some or all."""
    ocr = report.config["data"]["ocr"]
    rows = [row for table in report.tables for row in table.rows]
    words = {str(row.point.get("data.ocr.words", ocr["words"])): None for row in rows}
    if chosen := [each for each in words if each != "none"]:
        how = f"in the order that is {ocr['order']}, separated by {ocr['separator']!r}"
        yield (
            f"Prompts with words of OCR ({', '.join(chosen)}) have them at the end, {how}, and may be longer by"
            f" {ocr['length']} tokens. PaLI-3's own form is not known."
        )
    if "published" in words:
        yield "A dash in the row of published OCR: no words of an OCR system were published with the set."
    for detail in report.details:
        count = max(detail.values.values(), default=0)
        if detail.name in (_LEFT_OUT, _WITHOUT) and count:
            yield f"{detail.column}: {count:g} {detail.name}."
