"""What evaluations of an encoder alone leave: several columns, each with its parts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from pali3kit.evals.scores import EvalResult
from pali3kit.types import Json


def write_columns(folder: Path, columns: Mapping[str, EvalResult], extra: Mapping[str, Json] | None = None) -> None:
    """Write `metrics.json`: `columns` by name, with the parts that intervals are made of, and further numbers."""
    told = {name: {"value": one.value, "n": one.n, "samples": list(one.samples)} for name, one in columns.items()}
    (folder / "metrics.json").write_text(json.dumps({"columns": told, "extra": dict(extra or {})}, indent=1))


def by_name(results: Iterable[EvalResult]) -> dict[str, EvalResult]:
    return {one.name: one for one in results}
