"""Visual questions, of which only the exact answer counts."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import Benchmark, Column

STRICT_VQA = Benchmark(
    name="strict_vqa",
    summary="visual questions by exact match",
    columns=(Column(title="Strict VQA"),),
    unit="exact match, %",
    metric="exact_match",
    task="vqa",
)
