"""Types that several packages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""A JSON value."""
Named: TypeAlias = Mapping[str, Json]
"""A component as plain JSON: `{"name": ..., **options}`."""
TypeForm: TypeAlias = object
"""A type as in annotations: a class, `list[int]`, `int | None`, `Literal[...]`, `Any`."""
