"""Visual questions: VQAv2, OKVQA, TextVQA."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import VQA, Benchmark, Column

VQAV2 = Benchmark(
    name="vqa",
    summary="objects, colours, counts, yes or no: VQA accuracy (paper: VQAv2)",
    columns=(Column(title="VQAv2's counterpart"),),
    unit=VQA,
    metric="vqa_accuracy",
    counterpart=True,
)
OKVQA = Benchmark(
    name="vqa_knowledge",
    summary="what one must know of an object: VQA accuracy (paper: OKVQA)",
    columns=(Column(title="OKVQA's counterpart"),),
    unit=VQA,
    metric="vqa_accuracy",
    counterpart=True,
)
TEXTVQA = Benchmark(
    name="vqa_text",
    summary="answered by the printed words: VQA accuracy (paper: TextVQA)",
    columns=(Column(title="TextVQA's counterpart"),),
    unit=VQA,
    metric="vqa_accuracy",
    counterpart=True,
)
