"""The canonical hash of plain data: equal content, equal digest, on every machine."""

from __future__ import annotations

import hashlib
import json


def _canonical(value: object) -> str:
    """Write plain data as canonical JSON: keys sorted, no blanks, floats by `repr`.

    Raises ValueError for nan and infinities, TypeError for keys that are not strings and values that JSON lacks.
    """
    _refuse_other_keys(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: object) -> str:
    """Return the sha256 of the canonical text, in 64 hexadecimal digits."""
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def _refuse_other_keys(value: object) -> None:
    """`json` would write the key 1 as "1", so that different data would share a digest."""
    if isinstance(value, dict):
        if wrong := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"a mapping to be hashed has a key that is not a string: {wrong[0]!r}")
        for child in value.values():
            _refuse_other_keys(child)
    elif isinstance(value, list | tuple):
        for child in value:
            _refuse_other_keys(child)
