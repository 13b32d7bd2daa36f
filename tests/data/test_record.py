"""Texts enter records on one line: no half of a surrogate pair, no blank caption."""

from __future__ import annotations

from pali3kit.data.record import Asked, Record, Thing, Word


def test_texts_are_on_one_line_and_can_be_written() -> None:
    record = Record(
        "a record",
        bytes,
        captions={"en": ("a cut  emoji \ud83d", " ", "two\nlines"), "de": ("",)},
        words=(Word("ope\udc00n "),),
        questions=(Asked("what \ud83d?", ("a", "", "b\ud83d")),),
        things=(Thing("c\ud83dat", (0, 0, 1, 1), expressions=("the\tcat", " ")),),
    )
    assert record.captions == {"en": ("a cut emoji ?", "two lines")}
    assert record.words[0].text == "ope?n"
    assert record.questions[0].text == "what ??" and record.questions[0].answers == ("a", "", "b?")
    assert record.things[0].label == "c?at" and record.things[0].expressions == ("the cat",)
