"""A made-up leaderboard of five encoders, whose places, fronts and correlations are easy to compute by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from made_tables import Point, cell, table

from pali3kit.report.leaderboard import Leaderboard
from pali3kit.report.model import EncoderSize, ResultCell, ResultTable

ENCODERS = {  # captions, questions, probe, parameters, FLOPs, images per second
    "large": (80.0, 50.0, 40.0, 4_000_000, 4_000, 10.0),
    "small": (60.0, 40.0, 30.0, 1_000_000, 1_000, 50.0),
    "wasteful": (40.0, 40.0, 50.0, 4_000_000, 8_000, 5.0),
    "equal to small": (60.0, 40.0, 20.0, 1_000_000, 2_000, 40.0),
    "untrained": (20.0, 25.0, 10.0, 1_000_000, 1_000, 60.0),
}
PLACES = {"coco": 0, "vqav2": 1, "probe": 2, "throughput": 5}


def made(
    names: Sequence[str] = tuple(ENCODERS),
    benchmarks: Sequence[str] = tuple(PLACES),
    cells: Mapping[tuple[str, str], ResultCell] | None = None,
) -> ResultTable:
    """A table of arms; `cells` replaces some, by the arm and the key of the column."""

    def one(point: Point, column: str) -> ResultCell:
        own = (cells or {}).get((str(point["arm"]), column))
        return own or cell(ENCODERS[str(point["arm"])][PLACES[column]])

    found = table({"arm": names}, benchmarks, one)
    sizes = {name: (EncoderSize(64, ENCODERS[name][3], 16, ENCODERS[name][4]),) for name in names}
    return replace(found, rows=tuple(replace(row, encoder_sizes=sizes[row.label]) for row in found.rows))


def board(
    names: Sequence[str] = tuple(ENCODERS),
    benchmarks: Sequence[str] = tuple(PLACES),
    cells: Mapping[tuple[str, str], ResultCell] | None = None,
) -> Leaderboard:
    """The leaderboard of such a table."""
    found = Leaderboard.of(made(names, benchmarks, cells))
    assert found
    return found
