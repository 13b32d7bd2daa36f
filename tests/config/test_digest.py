from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.config.digest import _canonical, digest

json_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
)


def test_known_digest() -> None:
    assert _canonical({"b": [1, 0.1], "a": "é", "c": None}) == '{"a":"é","b":[1,0.1],"c":null}'
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_order_does_not_matter_but_types_do() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert len({digest(value) for value in (1, 1.0, "1", True, [1], None)}) == 6


@given(json_data)
def test_canonical_text_reads_back_equal(value: Any) -> None:
    assert json.loads(_canonical(value)) == value
    assert _canonical(json.loads(_canonical(value))) == _canonical(value)


@pytest.mark.parametrize("value", [float("nan"), {"a": [float("inf")]}])
def test_refuses_what_is_no_number(value: Any) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        _canonical(value)


@pytest.mark.parametrize("value", [{1: 2}, [{"a": {None: 1}}], {"a": {1, 2}}, {"a": object()}])
def test_refuses_what_is_no_json(value: Any) -> None:
    with pytest.raises(TypeError):
        _canonical(value)
