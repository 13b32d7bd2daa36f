from __future__ import annotations

import pytest

from pali3kit.config.scalars import TAG, parse_scalar


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("str", "no", "no"), ("str", "a\tb\n", "a\tb\n"), ("str", "зайка 😀", "зайка 😀"), ("null", "~", None),
        ("null", "", None), ("bool", "true", True), ("bool", "false", False), ("int", "+3", 3),
        ("int", "-1_000", -1000),
        ("int", "1__0", 10), ("int", "9223372036854775807", (1 << 63) - 1), ("int", "-9223372036854775808", -(1 << 63)),
        ("float", "3e-3", 3e-3), ("float", ".5", 0.5), ("float", "3", 3.0), ("float", "1e-400", 0.0),
        ("float", "0." + "3" * 400, 1 / 3),
        ("merge", "<<", "<<"),
    ],
)  # fmt: skip
def test_values(kind: str, text: str, value: object) -> None:
    found = parse_scalar(TAG + kind, text)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("tag", "text", "why"),
    [
        (TAG + "bool", "maybe", "'maybe' is no true or false"),
        (TAG + "bool", "yes", "'yes' is no true or false"),
        (TAG + "int", "x", "'x' is no integer"),
        (TAG + "int", "", "'' is no integer"),
        (TAG + "int", "1:30", "'1:30' is no integer"),
        (TAG + "float", "wide", "'wide' is no number"),
        (TAG + "float", ".nan", "'.nan' is no number"),
        (TAG + "float", "1e999", "the number 1e999 is too large"),
        (TAG + "float", "9" * 400 + ".0", f"the number {'9' * 30}… is too large"),
        (TAG + "null", "1", "'1' is no null"),
        (TAG + "int", "9223372036854775808", "the integer 9223372036854775808 has more than 64 bits"),
        (TAG + "int", "9" * 5000, f"the integer {'9' * 30}… has more than 64 bits"),
        (TAG + "str", "a\0", "the character 0x0000 is not allowed in a text"),
        (TAG + "str", "\x1b[31m", "the character 0x001b is not allowed in a text"),
        (TAG + "str", "\ud800", "the character 0xd800 is not allowed in a text"),
        *((tag, "x", f"unknown tag {tag}: a scalar is of !!null, !!bool, !!int, !!float, !!str")
          for tag in (TAG + "timestamp", TAG + "binary", TAG + "python/name:os.system", "!local", "")),
    ],
)  # fmt: skip
def test_refusals(tag: str, text: str, why: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_scalar(tag, text)
    assert str(refused.value) == why
