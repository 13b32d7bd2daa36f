"""Escapes for text formats: names, reasons and predictions are untrusted, and no format may interpret them.

HTML is escaped by its templates.
"""

from __future__ import annotations

import re

# Control characters but tab and newline, Unicode's other line ends, bidirectional overrides, lone surrogates.
_INVISIBLE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MARKDOWN = re.compile(r"([\\`*_\[\]|#~$])")
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # begins of cells that a spreadsheet computes
_NUMBER = re.compile(r"[-+]?[0-9]+(\.[0-9]+)?")


def escape_invisible(text: str) -> str:
    r"""Write invisible characters as `\u202e`. JSON keeps its meaning."""
    return _INVISIBLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escape_markdown(text: str) -> str:
    """One line of text in which neither Markdown nor HTML finds images, links, tags or columns."""
    line = escape_invisible(text).replace("\n", " ").replace("\t", " ")
    return _MARKDOWN.sub(r"\\\1", line).replace("&", "&amp;").replace("<", "&lt;")


def escape_formula(text: str) -> str:
    """A cell of a CSV file: an apostrophe before what a spreadsheet would compute as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
