"""A note on videos: how many of their frames were read, and by which rule."""

from __future__ import annotations

from collections.abc import Iterator

from pali3kit.report.model import Report

_RULE = "middles"  # of sources that have no other


def frame_notes(report: Report) -> Iterator[str]:
    """Yield, for each number of frames and rule, the benchmarks whose sources read videos so."""
    data = report.config["data"]
    chosen = {row.settings.get("data.frames", data.get("frames")) for table in report.tables for row in table.rows}
    found: dict[tuple[tuple[int, ...], str], list[str]] = {}
    for name, source in data.get("benchmarks", {}).items():
        if "frames" in source:
            numbers = tuple(sorted({source["frames"] if each is None else int(str(each)) for each in chosen}))
            found.setdefault((numbers, source.get("sampling", _RULE)), []).append(name)
    for (numbers, rule), names in found.items():
        told = f"Frames of each video ({', '.join(names)}): {', '.join(map(str, numbers))}, by the rule '{rule}'."
        yield f"{told} PaLI-3's own rule is not known."
