"""Writes the results of evaluations of an encoder alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from pali3kit.evals.scores import EvalResult
from pali3kit.types import Json


def write_columns(folder: Path, results: Mapping[str, EvalResult], extra: Mapping[str, Json] | None = None) -> None:
    """Write `metrics.json`: results by name with the samples for confidence intervals, and further numbers."""
    columns = {
        name: {"value": result.value, "n": result.n, "samples": list(result.samples)}
        for name, result in results.items()
    }
    (folder / "metrics.json").write_text(json.dumps({"columns": columns, "extra": dict(extra or {})}, indent=1))


def write_value(folder: Path, result: EvalResult) -> None:
    """Write `metrics.json`: one number without samples, and further numbers."""
    (folder / "metrics.json").write_text(json.dumps({"value": result.value, "extra": dict(result.extra)}, indent=1))
