"""Spoken Moments in Time (Monfort et al. 2021): its files are given on request, and their layout is not known here.

It is read as JSON lines of `video` and `caption`, as the source `videos` does.
"""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, PublicSet

SMIT = Benchmark(
    name="smit",
    summary="transcribed captions of three seconds, 1 reference: CIDEr (paper: S-MiT)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    metric="cider",
    public=(
        PublicSet(
            title="S-MiT (test)",
            component="videos",
            paths=(
                ("path", "smit/train.jsonl"),
                ("videos", "smit/videos"),
                ("test", "smit/test.jsonl"),
            ),
            task="caption",
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
