"""Types that rooms share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""What a JSON file can hold."""
Named: TypeAlias = Mapping[str, Json]
"""A component as plain JSON: `{"name": ..., **options}`."""
TypeForm: TypeAlias = object
"""A type as annotations have it: a class, `list[int]`, `int | None`, `Literal[...]`, `Any`."""
