"""Shared types name what they say."""

from __future__ import annotations

import json
import typing

from pali3kit.types import Json


def test_json_is_whatever_a_json_file_can_hold() -> None:
    kinds = {typing.get_origin(kind) or kind for kind in typing.get_args(Json)}
    read = json.loads('[null, true, 1, 0.5, "text", [], {}]')
    assert kinds == {type(value) for value in read}
