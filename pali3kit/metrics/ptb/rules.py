"""The rules of the Penn Treebank tokenizer in Stanford CoreNLP 3.4.1, with its default options.

The rule with the longest match wins, the first of equals. What must follow a token, its right context, is part of that
match but not of the token.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from pali3kit.metrics.ptb import patterns as p
from pali3kit.metrics.ptb import write
from pali3kit.metrics.ptb.fold import CAPITAL


class _Rule(NamedTuple):
    """A pattern on folded text, its token in group 1, and how the original text of that token is written."""

    pattern: re.Pattern[str]
    write: Callable[[str], str]


_BEFORE_CAPITAL = f"{p.BLANK}(?:{p.BLANK}|[A-Z{CAPITAL}]|{p.TAG})"
_STARTER = f"{p.BLANK}+(?:{p.STARTERS}|{p.TAG}){p.BLANK}"
_CURLY = "[`\u2018\u2019\u201a\u201b\u201c\u201d\u0091-\u0094\u201e\u201f\u2039\u203a\u00ab\u00bb]"

_BRACKET_NAMES = {"{": "-LCB-", "}": "-RCB-", "[": "-LSB-", "]": "-RSB-", "(": "-LRB-", ")": "-RRB-"}

# Token, right context (or ""), how the token is written. In the original's order, which decides between equals.
_RULES: list[tuple[str, str, Callable[[str], str]]] = [
    ("(?i:c)[+][+]", "", write.same),
    ("(?i:[cf])#", "", write.same),
    ("(?i:can)", "(?i:not)", write.same),
    ("(?i:'t)", "(?i:was|is)", write.same),
    ("(?i:gon|wan)", "(?i:na)", write.same),
    ("(?i:got)", "(?i:ta)", write.same),
    ("(?i:lem|gim)", "(?i:me)", write.same),
    (p.TAG, "", write.hard_spaces),
    ("&(?i:md|mdash|ndash);|[\u0096\u0097\u2013-\u2015]", "", write.constant("--")),
    ("(?i:&amp;)", "", write.ampersand),
    ("&(?i:ht|tl|ur|lr|qc|ql|qr|odq|cdq|#[0-9]+);", "", write.same),
    (p.WORD, p.CLITIC, write.without_soft_hyphens),
    ("[A-Za-z\u00ad]*[A-MO-Za-mo-z]\u00ad*", p.NOT, write.without_soft_hyphens),
    (p.WORD, "", write.without_soft_hyphens),
    *((word, "", write.same) for word in p.APOSTROPHE_WORDS),
    (f"(?i:y){p.APOS}", f"[{p.L}]", write.same),
    (p.URL, "", write.same),
    *((site + page, "", write.same) for site in p.SITES for page in ("", p.PAGE)),
    (p.EMAIL, "", write.same),
    ("@[a-zA-Z_][a-zA-Z_0-9]*", "", write.same),
    (f"#{p.LETTER}+", "", write.same),
    (p.CLITIC, "[^A-Za-z]", write.closing_quotes),
    (p.NOT, "[^A-Za-z]", write.closing_quotes),
    (p.DATE, "", write.same),
    (p.NUMBER, "", write.without_soft_hyphens),
    (p.SUBSCRIPT, "", write.same),
    (p.FRACTION, "", write.hard_spaces),
    ("[\u00bc\u00bd\u00be\u2153-\u215e]", "", write.fraction),
    (
        rf"-(?i:[rl][rcs]b)-|(?i:c\.d\.s|pro-|anti-|s(?:&amp;|&)(?:p-500|ls))|(?i:cap){p.APOS}(?i:n)",
        "",
        write.ampersand,
    ),
    (f"(?i:c){p.APOS}(?i:est)", "", write.ampersand),
    (p.SLASHED, "", write.same),
    (r"[A-Z]*\$|#", "", write.same),
    ("[\u00a2-\u00a5\u0080\u20a0\u20ac\u060b\u0e3f\u20a4\uffe0\uffe1\uffe5\uffe6]", "", write.currency),
    ("[A-Za-z]", rf"\.{_STARTER}", write.same),
    (f"(?={p.ACRONYM_2}){p.ACRONYM}", rf"\.{_STARTER}", write.with_period),
    (r"(?i:ca|figs?|prop|nos?|art|bldg|pp|op)\.", f"{p.BLANK}?[{p.D}]", write.same),
    (r"(?:(?i:pt)[eyEY]|(?i:co))\.", f"[{p.SPACE}](?i:ltd|lim)", write.same),
    (p.ABBREVIATION_1, rf"\.{_BEFORE_CAPITAL}", write.with_period),
    (rf"{p.ABBREVIATION_1}\.", r"[\s\S]{2}", write.same),
    (p.ABBREVIATION_1, r"\.", write.with_period),
    (rf"{p.ABBREVIATION_2}\.", "", write.same),
    (p.ABBREVIATION_2, f"[{p.SPACE}]", write.same),
    (p.ACRONYM, p.BLANK, write.same),
    (f"{p.APOS}[0-9][0-9]", p.BLANK, write.same),
    (p.FILE, f"(?:{p.BLANK}|[.?!,])", write.same),
    (rf"{p.WORD}\.", p.COMMA, write.without_soft_hyphens),
    *((phone, "", lambda token: write.brackets(write.hard_spaces(token))) for phone in p.PHONES),
    ('"|(?i:&quot;)', "[A-Za-z0-9$]", write.opening_quotes),
    ('"|(?i:&quot;)', "", write.closing_quotes),
    ("\u007f", "", write.skip),
    ("<|(?i:&lt;)", "", write.constant("<")),
    (">|(?i:&gt;)", "", write.constant(">")),
    (p.EYES_AND_MOUTH, "[^A-Za-z0-9]", write.brackets),
    *((smiley, "", write.brackets) for smiley in p.ASIAN_SMILEYS),
    *((re.escape(sign), "", write.constant(name)) for sign, name in _BRACKET_NAMES.items()),
    ("-+", "", write.dashes),
    (r"\.{3,5}|[\u0085\u2026]", "", write.constant("...")),
    (r"(?:\.[ \xa0]){2,4}\.", "", write.constant("...")),
    ("@+|#+|_+", "", write.same),
    (r"\*+|(?:\\\*){1,3}", "", write.same),
    (p.COMMA, "", write.same),
    ("[?!]+", "", write.same),
    ("[.¡¿\u037e\u0589\u061f\u06d4\u0700-\u0702\u07fa\u3002]", "", write.same),
    ("[=/]", "", write.same),
    (rf"{p.ASCII_HYPHENATED}\.", p.COMMA, write.without_soft_hyphens),
    (p.ASCII_HYPHENATED, "", write.without_soft_hyphens),
    (rf"{p.HYPHENATED}\.", p.COMMA, write.same),
    (p.HYPHENATED, "", write.same),
    (rf"{p.AMPERSAND_NAME}\.", p.COMMA, write.ampersand),
    (p.AMPERSAND_NAME, "", write.ampersand),
    ("'", r"[A-Za-z][^ \t\n\r\xa0]", write.opening_quotes),
    (p.CLITIC, "", write.closing_quotes),
    (p.NOT, "", write.closing_quotes),
    (f"{_CURLY}{{1,2}}|''|{p.APOS}", "", write.closing_quotes),
    ("<<|>>", "", write.same),
    (f"[{p.SINGLE_SIGNS}]", "", write.same),
    (f"[{p.SPACE}]+|[\0\u200b\u200e\u200f\ufeff]", "", write.skip),
    ("(?i:&nbsp;)", "", write.skip),
]


def _compile(token: str, context: str, writer: Callable[[str], str]) -> _Rule:
    return _Rule(re.compile(f"({token})(?:{context})" if context else f"({token})"), writer)


RULES = [_compile(*rule) for rule in _RULES]
