"""AI2D (Kembhavi et al. 2016): the answer is the text of the right option, which the question lists."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import EXACT, Benchmark, Column, Embedded, PublicSet

AI2D = Benchmark(
    name="ai2d",
    summary="multiple-choice questions about diagrams: exact match (paper: AI2D)",
    columns=(Column(title="{set}"),),
    unit=EXACT,
    metric="exact",
    ocr=True,
    embedded=Embedded(source="pages", task="diagram.vqa"),
    public=(
        PublicSet(
            title="AI2D (test)",
            component="ai2d",
            paths=(("path", "ai2d"), ("test", "ai2d_test_ids.csv")),
            task="vqa",
        ),
    ),
)
