"""The scores of a measured benchmark, printed."""

from __future__ import annotations

import json
from pathlib import Path


def print_scores(folder: Path, benchmark: str, label: str) -> None:
    """A line for each column of a benchmark, as the report has it."""
    from pali3kit.report.columns import columns_of, has_column, score_of
    from pali3kit.report.statistics import interval

    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_bytes().splitlines()]
    scored = (folder / "metrics.json").is_file()
    metrics = json.loads((folder / "metrics.json").read_bytes() if scored else b"{}")
    if not scored:
        print(f"{label}: {len(rows)} answers, no score: those to this test split are not public")
    for column in [each for each in columns_of(benchmark) if scored and has_column(each, metrics)]:
        found = interval({0: score_of(column, metrics, rows)})
        part = f".{column.part}" if column.part else ""
        between = f", 95% interval {found.low:.1f} to {found.high:.1f} ({found.method})"
        shown = between if found.method != "none" else ""
        print(f"{label}{part}: {found.mean:.1f} {column.benchmark.unit}{shown}, n {found.n}")
    print(f"{'predictions, metrics' if scored else 'predictions'} and conditions: {folder}")
    if (folder / "skipped.txt").is_file():
        print(f"left out, and why: {folder / 'skipped.txt'}")
    if (folder / "submission.json").is_file():
        print(f"for the server of the test split: {folder / 'submission.json'}")
