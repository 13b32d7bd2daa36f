"""How the tokenizer writes a token: the normalisations of the Penn Treebank."""

from __future__ import annotations

import re
from collections.abc import Callable


def same(token: str) -> str:
    return token


def skip(token: str) -> str:
    return ""


def constant(token: str) -> Callable[[str], str]:
    return lambda _: token


def without_soft_hyphens(token: str) -> str:
    return token.replace("\u00ad", "") or "-"


def ampersand(token: str) -> str:
    return re.sub("(?i:&amp;)", "&", token)


def hard_spaces(token: str) -> str:
    return token.replace(" ", "\u00a0")


def brackets(token: str) -> str:
    return token.replace("(", "-LRB-").replace(")", "-RRB-")


def quotes(straight: str) -> Callable[[str], str]:
    """Curly quotes to LaTeX's; straight ones open or close as `straight`, a "`" or a "'", says."""
    double = dict.fromkeys(("&quot;", '"'), 2 * straight) | dict.fromkeys("\u0093\u201c\u00ab", "``")
    single = dict.fromkeys(("&apos;", "'"), straight) | dict.fromkeys("\u0091\u2018\u201b\u2039", "`")
    signs = double | single | dict.fromkeys("\u0094\u201d\u00bb", "''") | dict.fromkeys("\u0092\u2019\u203a", "'")
    pattern = re.compile("|".join(signs))
    return lambda token: pattern.sub(lambda m: signs[m[0]], token)


def currency(token: str) -> str:
    return {"\u00a2": "cents", "\u00a3": "#"}.get(token, "$" if token in "\u0080\u00a4\u20a0\u20ac" else token)


def fraction(token: str) -> str:
    return {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}.get(token, token)


def dashes(token: str) -> str:
    return "--" if 3 <= len(token) <= 4 else token


def with_period(token: str) -> str:
    """An abbreviation that ends its sentence: it keeps its period, and the period is a token once more."""
    return token + "."


opening_quotes, closing_quotes = quotes("`"), quotes("'")
