"""TallyQA (Acharya et al. 2019): simple questions of counts, and complex ones on relations and attributes."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import EXACT, Benchmark, Column, Embedded, PublicSet

TALLYQA = Benchmark(
    name="tallyqa",
    summary="counts of objects, simple and complex questions: exact match (paper: TallyQA)",
    columns=(Column(part="simple", title="{set} (simple)"), Column(part="complex", title="{set} (complex)")),
    unit=EXACT,
    metric="tallyqa_accuracy",
    embedded=Embedded(source="pages", task="crowd.vqa"),
    public=(
        PublicSet(
            title="TallyQA",
            component="vqa",
            paths=(("path", "tallyqa/train.json"), ("images", "tallyqa"), ("test", "tallyqa/test.json")),
            task="vqa",
        ),
    ),
)
