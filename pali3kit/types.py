"""Names of types that every room may use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None
"""A value as JSON has it."""
Named: TypeAlias = Mapping[str, Json]
"""A component as plain JSON: `{"name": ..., **options}`."""
