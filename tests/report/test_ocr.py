"""Notes on words of OCR in prompts."""

from __future__ import annotations

from dataclasses import replace

from pali3kit.report.model import Detail
from pali3kit.report.ocr import ocr_notes


def test_a_run_without_words_has_no_note(made_up):
    assert list(ocr_notes(made_up().report())) == []


def test_the_conditions_and_what_did_not_fit_are_told(made_up):
    report = made_up(["textvqa"], grid={"data.ocr.words": ["none", "published"]}, baseline={}).report()
    details = (
        Detail("textvqa", "prompts with OCR words left out", {"published OCR": 3.0}),
        Detail("textvqa", "prompts without OCR words", {"published OCR": 0.0}),
    )
    conditions, dash, left_out = ocr_notes(replace(report, details=details))
    assert conditions == (
        "Prompts with words of OCR (published) have them at the end, in the order 'given', separated by ' ',"
        " and may be longer by 256 tokens. PaLI-3's own form is not known."
    )
    assert dash.startswith("A dash in the row of published OCR:")
    assert left_out == "textvqa: 3 prompts with OCR words left out."
    assert [row.label for row in report.tables[0].rows] == ["no OCR", "published OCR"]
    assert report.tables[0].rows[1].cells["doodles/textvqa"].ours is None


def test_what_rows_differ_in_is_told_of_all(made_up):
    data = {"data.ocr.order": ["given", "raster"], "data.ocr.words": ["published"]}
    [conditions, *_] = ocr_notes(made_up(["textvqa", "coco"], grid=data, baseline={}).report())
    assert "in the order 'given' or 'raster', separated by ' ', and may be longer by 256 tokens" in conditions
