"""No format interprets what data contains."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.report.escaping import escape_formula, escape_invisible, escape_markdown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\0b\x1b[31m", r"a\u0000b\u001b[31m"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("half \ud83d", r"half \ud83d"),
        ("two\nlines\tand שלום, می\u200cخواهم, 👍🏽", "two\nlines\tand שלום, می\u200cخواهم, 👍🏽"),
    ],
)
def test_what_cannot_be_seen_is_written(text: str, shown: str) -> None:
    assert escape_invisible(text) == shown


@given(st.text(st.characters(exclude_categories=())))
def test_json_is_the_same_after_it(text: str) -> None:
    assert json.loads(escape_invisible(json.dumps(text, ensure_ascii=False))) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("![x](http://a/b.png)", r"!\[x\](http://a/b.png)"),
        ("[x][y] a|b a\\|b", r"\[x\]\[y\] a\|b a\\\|b"),
        ("<script>&amp;", "&lt;script>&amp;amp;"),
        ("# x\n- *y* _z_ `c` ~~d~~ $e$", r"\# x - \*y\* \_z\_ \`c\` \~\~d\~\~ \$e\$"),
    ],
)
def test_markdown_makes_nothing_of_it(text: str, shown: str) -> None:
    assert escape_markdown(text) == shown


@pytest.mark.parametrize("sign", "=+-@\t＝＋－＠")
def test_a_spreadsheet_computes_nothing(sign: str) -> None:
    assert escape_formula(f"{sign}cmd|' /C calc'!A0") == f"'{sign}cmd|' /C calc'!A0"


@pytest.mark.parametrize("text", ["-1.2500", "+3", "", "a=b", "SigLIP Δ", "0.5000"])
def test_numbers_and_words_stay(text: str) -> None:
    assert escape_formula(text) == text
