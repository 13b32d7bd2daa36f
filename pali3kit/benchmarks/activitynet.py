"""ActivityNet Captions, each of a given segment (Krishna et al. 2017), on its second validation file."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, PublicSet

ACTIVITYNET = Benchmark(
    name="activitynet",
    summary="captions of given segments, 1 reference: CIDEr (paper: ActivityNet Captions)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    metric="cider",
    public=(
        PublicSet(
            title="ActivityNet Captions (val 2)",
            component="activitynet_captions",
            paths=(
                ("path", "activitynet/captions/train.json"),
                ("videos", "activitynet/videos"),
                ("test", "activitynet/captions/val_2.json"),
            ),
            task="caption",
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
