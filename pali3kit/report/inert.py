"""Texts of data in reports: names, reasons and predictions are somebody's, and no format may take them for commands."""

from __future__ import annotations

import re

# What no reader sees: control characters but tab and newline, line ends of other kinds, signs that turn the direction
# of all that follows, and halves of surrogate pairs.
_UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MEANING = re.compile(r"([\\`*_\[\]|#~$])")  # for Markdown
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # how a spreadsheet knows that a cell is to be computed
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")


def visible(text: str) -> str:
    r"""What cannot be seen is written as `\u202e` is; for JSON that is the same text."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def markdown(text: str) -> str:
    """A text on one line, of which neither Markdown nor HTML makes pictures, links, tags or columns."""
    line = visible(text).replace("\n", " ").replace("\t", " ")
    return _MEANING.sub(r"\\\1", line).replace("&", "&amp;").replace("<", "&lt;")


def cell(text: str) -> str:
    """A text that a spreadsheet shows instead of computing it: behind an apostrophe, where it begins as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
