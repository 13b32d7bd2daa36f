"""ActivityNet-QA (Yu et al. 2019); `extra` has the exact match of each type of question."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import EXACT, Benchmark, Column, PublicSet

ACTIVITYNET_QA = Benchmark(
    name="activitynet_qa",
    summary="questions about videos of nine types: exact match (paper: ActivityNet-QA)",
    columns=(Column(title="{set}"),),
    unit=EXACT,
    metric="exact",
    public=(
        PublicSet(
            title="ActivityNet-QA (test)",
            component="activitynet_qa",
            paths=(
                ("path", "activitynet/qa/train_q.json"),
                ("answers", "activitynet/qa/train_a.json"),
                ("videos", "activitynet/videos"),
                ("test", "activitynet/qa/test_q.json"),
                ("test_answers", "activitynet/qa/test_a.json"),
            ),
            task="vqa",
        ),
    ),
)
