"""Scalars by YAML 1.2's core schema, not 1.1's: `3e-3` is a number, `no` and `1:30` are texts.

nan and infinity are refused, since the canonical JSON that is hashed has none; so are tags of other types, as dates.
"""

from __future__ import annotations

import re
from math import isinf

from pali3kit.errors import brief

TAG = "tag:yaml.org,2002:"
PATTERNS: dict[str, tuple[re.Pattern[str], list[str]]] = {
    name: (re.compile(f"^(?:{pattern})$"), first)
    for name, pattern, first in (
        ("null", r"~|null|", ["~", "n", ""]),
        ("bool", r"true|false", list("tf")),
        ("int", r"[-+]?(?:0|[1-9][0-9_]*)", list("-+0123456789")),
        (
            "float",
            r"[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)",
            list("-+.0123456789"),
        ),
        ("merge", r"<<", ["<"]),
    )
}
"""For each type: what a plain scalar of it must match, and the characters that it can begin with."""
WORDS = {"null": "null", "bool": "true or false", "int": "integer", "float": "number"}
LARGEST = 1 << 63
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def parse_scalar(tag: str, text: str) -> bool | int | float | str | None:
    """The value of `text` with a tag, explicit or found by `PATTERNS`. Raises ValueError where it has none."""
    kind = tag.removeprefix(TAG)
    if tag == TAG + kind and kind in ("str", "merge"):
        return _text(text)
    if tag != TAG + kind or kind not in WORDS:
        known = ", ".join(f"!!{each}" for each in (*WORDS, "str"))
        raise ValueError(f"unknown tag {brief(tag)}: a scalar is of {known}")
    if not PATTERNS[kind][0].match(text) and not (kind == "float" and PATTERNS["int"][0].match(text)):
        raise ValueError(f"'{brief(_text(text))}' is no {WORDS[kind]}")
    if kind == "null":
        return None
    if kind == "bool":
        return text == "true"
    return _integer(text) if kind == "int" else _float(text)


def _text(text: str) -> str:
    if found := UNPRINTABLE.search(text):
        raise ValueError(f"the character {ord(found[0]):#06x} is not allowed in a text")
    return text


def _integer(text: str) -> int:
    digits = text.replace("_", "")
    if len(digits) > len(str(-LARGEST)) or not -LARGEST <= int(digits) < LARGEST:
        raise ValueError(f"the integer {brief(digits, 30)} has more than 64 bits")
    return int(digits)


def _float(text: str) -> float:
    value = float(text.replace("_", ""))
    if isinf(value):
        raise ValueError(f"the number {brief(text, 30)} is too large")
    return value
