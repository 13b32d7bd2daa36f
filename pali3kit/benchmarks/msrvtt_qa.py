"""MSR-VTT-QA: questions that were generated from MSR-VTT's captions (Xu et al. 2017)."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import EXACT, Benchmark, Column, PublicSet

MSRVTT_QA = Benchmark(
    name="msrvtt_qa",
    summary="questions about videos, one word: exact match (paper: MSR-VTT-QA)",
    columns=(Column(title="{set}"),),
    unit=EXACT,
    metric="exact",
    public=(
        PublicSet(
            title="MSR-VTT-QA (test)",
            component="msrvtt_qa",
            paths=(
                ("path", "msrvtt/train_qa.json"),
                ("videos", "msrvtt/videos"),
                ("test", "msrvtt/test_qa.json"),
            ),
            task="vqa",
        ),
    ),
)
