"""MSR-VTT's captions of videos (Xu et al. 2016)."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, PublicSet

MSRVTT = Benchmark(
    name="msrvtt",
    summary="captions of videos, 20 references: CIDEr (paper: MSR-VTT)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    metric="cider",
    public=(
        PublicSet(
            title="MSR-VTT (test)",
            component="msrvtt",
            paths=(
                ("path", "msrvtt/train_val_videodatainfo.json"),
                ("videos", "msrvtt/videos"),
                ("test", "msrvtt/test_videodatainfo.json"),
            ),
            task="caption",
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
