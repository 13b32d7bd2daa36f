"""Sets of pictures as a plan needs them: built once, for one may have to list a million files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pali3kit.registry import KINDS


def opened(kind: str, part: Mapping[str, Any]) -> Any:
    """The set that a plain part `{"name": ..., **options}` names; `kind` is "labelled" or "captioned"."""
    return _opened(kind, json.dumps(part, sort_keys=True))


@cache
def _opened(kind: str, part: str) -> Any:
    options = json.loads(part)
    return KINDS[kind].build(options.pop("name"), **options)
