"""Shared types."""

from __future__ import annotations

import json
import typing
from types import MappingProxyType

from pali3kit.types import Json


def test_json_is_whatever_a_json_file_can_hold() -> None:
    kinds = {typing.get_origin(kind) or kind for kind in typing.get_args(Json)}
    read = json.loads('[null, true, 1, 0.5, "text", [], {}]')
    assert all(any(isinstance(value, kind) for kind in kinds) for value in read)
    assert not isinstance({1}, tuple(kinds)) and not isinstance(object(), tuple(kinds))


def test_tuples_and_frozen_mappings_are_json_too() -> None:
    """Frozen configurations have tuples for lists."""
    kinds = tuple(typing.get_origin(kind) or kind for kind in typing.get_args(Json))
    assert isinstance((1, 2), kinds) and isinstance(MappingProxyType({"a": 1}), kinds)
