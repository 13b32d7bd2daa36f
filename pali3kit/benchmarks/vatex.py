"""VATEX's English captions of ten seconds (Wang et al. 2019), on the public test split."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, PublicSet

VATEX = Benchmark(
    name="vatex",
    summary="captions of videos, 10 references: CIDEr (paper: VATEX)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    metric="cider",
    public=(
        PublicSet(
            title="VATEX (public test)",
            component="vatex",
            paths=(
                ("path", "vatex/vatex_training_v1.0.json"),
                ("videos", "vatex/videos"),
                ("test", "vatex/vatex_public_test_english_v1.1.json"),
            ),
            task="caption",
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
