"""The rules of the Penn Treebank tokenizer in Stanford CoreNLP 3.4.1, with its default options.

The rule with the longest match wins, the first of equals. A rule's right context, which must follow the token, counts
for the length of the match but is not part of the token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from pali3kit.metrics.ptb import patterns as p
from pali3kit.metrics.ptb.fold import CAPITAL


class _Rule(NamedTuple):
    """A pattern on folded text with the token in group 1, and the function that writes the token's original text."""

    pattern: re.Pattern[str]
    write: Callable[[str], str]


_BEFORE_CAPITAL = f"{p.BLANK}(?:{p.BLANK}|[A-Z{CAPITAL}]|{p.TAG})"
_STARTER = f"{p.BLANK}+(?:{p.STARTERS}|{p.TAG}){p.BLANK}"
_CURLY = "[`\u2018\u2019\u201a\u201b\u201c\u201d\u0091-\u0094\u201e\u201f\u2039\u203a\u00ab\u00bb]"

# How the original text of a token is written: the normalisations of the Penn Treebank.


def _same(token: str) -> str:
    return token


def _skip(token: str) -> str:
    return ""


def _constant(token: str) -> Callable[[str], str]:
    return lambda _: token


def _without_soft_hyphens(token: str) -> str:
    return token.replace("\u00ad", "") or "-"


def _ampersand(token: str) -> str:
    return re.sub("(?i:&amp;)", "&", token)


def _hard_spaces(token: str) -> str:
    return token.replace(" ", "\u00a0")


def _brackets(token: str) -> str:
    return token.replace("(", "-LRB-").replace(")", "-RRB-")


def _quotes(straight: str) -> Callable[[str], str]:
    """Curly quotes to LaTeX's; straight ones, which have no direction, to `straight`: "`" opens, "'" closes."""
    double = dict.fromkeys(("&quot;", '"'), 2 * straight) | dict.fromkeys("\u0093\u201c\u00ab", "``")
    single = dict.fromkeys(("&apos;", "'"), straight) | dict.fromkeys("\u0091\u2018\u201b\u2039", "`")
    signs = double | single | dict.fromkeys("\u0094\u201d\u00bb", "''") | dict.fromkeys("\u0092\u2019\u203a", "'")
    pattern = re.compile("|".join(signs))
    return lambda token: pattern.sub(lambda m: signs[m[0]], token)


def _currency(token: str) -> str:
    return {"\u00a2": "cents", "\u00a3": "#"}.get(token, "$" if token in "\u0080\u00a4\u20a0\u20ac" else token)


def _fraction(token: str) -> str:
    return {"\u00bc": "1/4", "\u00bd": "1/2", "\u00be": "3/4", "\u2153": "1/3", "\u2154": "2/3"}.get(token, token)


def _dashes(token: str) -> str:
    return "--" if 3 <= len(token) <= 4 else token


def _with_period(token: str) -> str:
    """For an abbreviation that ends its sentence: it keeps its period, which is a token of its own as well."""
    return token + "."


_opening_quotes, _closing_quotes = _quotes("`"), _quotes("'")
_BRACKET_NAMES = {"{": "-LCB-", "}": "-RCB-", "[": "-LSB-", "]": "-RSB-", "(": "-LRB-", ")": "-RRB-"}

# Token, right context (or ""), how the token is written; in the order of the original, which decides between equals.
_RULES: list[tuple[str, str, Callable[[str], str]]] = [
    ("(?i:c)[+][+]", "", _same),
    ("(?i:[cf])#", "", _same),
    ("(?i:can)", "(?i:not)", _same),
    ("(?i:'t)", "(?i:was|is)", _same),
    ("(?i:gon|wan)", "(?i:na)", _same),
    ("(?i:got)", "(?i:ta)", _same),
    ("(?i:lem|gim)", "(?i:me)", _same),
    (p.TAG, "", _hard_spaces),
    ("&(?i:md|mdash|ndash);|[\u0096\u0097\u2013-\u2015]", "", _constant("--")),
    ("(?i:&amp;)", "", _ampersand),
    ("&(?i:ht|tl|ur|lr|qc|ql|qr|odq|cdq|#[0-9]+);", "", _same),
    (p.WORD, p.CLITIC, _without_soft_hyphens),
    ("[A-Za-z\u00ad]*[A-MO-Za-mo-z]\u00ad*", p.NOT, _without_soft_hyphens),
    (p.WORD, "", _without_soft_hyphens),
    *((word, "", _same) for word in p.APOSTROPHE_WORDS),
    (f"(?i:y){p.APOS}", f"[{p.L}]", _same),
    (p.URL, "", _same),
    *((site + page, "", _same) for site in p.SITES for page in ("", p.PAGE)),
    (p.EMAIL, "", _same),
    ("@[a-zA-Z_][a-zA-Z_0-9]*", "", _same),
    (f"#{p.LETTER}+", "", _same),
    (p.CLITIC, "[^A-Za-z]", _closing_quotes),
    (p.NOT, "[^A-Za-z]", _closing_quotes),
    (p.DATE, "", _same),
    (p.NUMBER, "", _without_soft_hyphens),
    (p.SUBSCRIPT, "", _same),
    (p.FRACTION, "", _hard_spaces),
    ("[\u00bc\u00bd\u00be\u2153-\u215e]", "", _fraction),
    (
        rf"-(?i:[rl][rcs]b)-|(?i:c\.d\.s|pro-|anti-|s(?:&amp;|&)(?:p-500|ls))|(?i:cap){p.APOS}(?i:n)",
        "",
        _ampersand,
    ),
    (f"(?i:c){p.APOS}(?i:est)", "", _ampersand),
    (p.SLASHED, "", _same),
    (r"[A-Z]*\$|#", "", _same),
    ("[\u00a2-\u00a5\u0080\u20a0\u20ac\u060b\u0e3f\u20a4\uffe0\uffe1\uffe5\uffe6]", "", _currency),
    ("[A-Za-z]", rf"\.{_STARTER}", _same),
    (f"(?={p.ACRONYM_2}){p.ACRONYM}", rf"\.{_STARTER}", _with_period),
    (r"(?i:ca|figs?|prop|nos?|art|bldg|pp|op)\.", f"{p.BLANK}?[{p.D}]", _same),
    (r"(?:(?i:pt)[eyEY]|(?i:co))\.", f"[{p.SPACE}](?i:ltd|lim)", _same),
    (p.ABBREVIATION_1, rf"\.{_BEFORE_CAPITAL}", _with_period),
    (rf"{p.ABBREVIATION_1}\.", r"[\s\S]{2}", _same),
    (p.ABBREVIATION_1, r"\.", _with_period),
    (rf"{p.ABBREVIATION_2}\.", "", _same),
    (p.ABBREVIATION_2, f"[{p.SPACE}]", _same),
    (p.ACRONYM, p.BLANK, _same),
    (f"{p.APOS}[0-9][0-9]", p.BLANK, _same),
    (p.FILE, f"(?:{p.BLANK}|[.?!,])", _same),
    (rf"{p.WORD}\.", p.COMMA, _without_soft_hyphens),
    *((phone, "", lambda token: _brackets(_hard_spaces(token))) for phone in p.PHONES),
    ('"|(?i:&quot;)', "[A-Za-z0-9$]", _opening_quotes),
    ('"|(?i:&quot;)', "", _closing_quotes),
    ("\u007f", "", _skip),
    ("<|(?i:&lt;)", "", _constant("<")),
    (">|(?i:&gt;)", "", _constant(">")),
    (p.EYES_AND_MOUTH, "[^A-Za-z0-9]", _brackets),
    *((smiley, "", _brackets) for smiley in p.ASIAN_SMILEYS),
    *((re.escape(sign), "", _constant(name)) for sign, name in _BRACKET_NAMES.items()),
    ("-+", "", _dashes),
    (r"\.{3,5}|[\u0085\u2026]", "", _constant("...")),
    (r"(?:\.[ \xa0]){2,4}\.", "", _constant("...")),
    ("@+|#+|_+", "", _same),
    (r"\*+|(?:\\\*){1,3}", "", _same),
    (p.COMMA, "", _same),
    ("[?!]+", "", _same),
    ("[.¡¿\u037e\u0589\u061f\u06d4\u0700-\u0702\u07fa\u3002]", "", _same),
    ("[=/]", "", _same),
    (rf"{p.ASCII_HYPHENATED}\.", p.COMMA, _without_soft_hyphens),
    (p.ASCII_HYPHENATED, "", _without_soft_hyphens),
    (rf"{p.HYPHENATED}\.", p.COMMA, _same),
    (p.HYPHENATED, "", _same),
    (rf"{p.AMPERSAND_NAME}\.", p.COMMA, _ampersand),
    (p.AMPERSAND_NAME, "", _ampersand),
    ("'", r"[A-Za-z][^ \t\n\r\xa0]", _opening_quotes),
    (p.CLITIC, "", _closing_quotes),
    (p.NOT, "", _closing_quotes),
    (f"{_CURLY}{{1,2}}|''|{p.APOS}", "", _closing_quotes),
    ("<<|>>", "", _same),
    (f"[{p.SINGLE_SIGNS}]", "", _same),
    (f"[{p.SPACE}]+|[\0\u200b\u200e\u200f\ufeff]", "", _skip),
    ("(?i:&nbsp;)", "", _skip),
]


def _compile(token: str, context: str, writer: Callable[[str], str]) -> _Rule:
    return _Rule(re.compile(f"({token})(?:{context})" if context else f"({token})"), writer)


RULES = [_compile(*rule) for rule in _RULES]
