"""InfographicVQA (Mathew et al. 2022), measured on val: the answers to its test questions are not public."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import ANLS, Benchmark, Column, Embedded, PublicSet, Submission

INFOVQA = Benchmark(
    name="infovqa",
    summary="questions about infographics: ANLS (paper: InfoVQA)",
    columns=(Column(title="{set}"),),
    unit=ANLS,
    submission=Submission(key="questionId"),
    ocr=True,
    metric="anls",
    embedded=Embedded(source="pages", task="poster.vqa"),
    public=(
        PublicSet(
            title="InfographicVQA (val)",
            component="vqa",
            paths=(
                ("path", "infovqa/infographicsVQA_train_v1.0*.json"),
                ("images", "infovqa/images"),
                ("test", "infovqa/infographicsVQA_val_v1.0*.json"),
            ),
            task="vqa",
            ocr=(("ocr", "infovqa/ocr"),),
        ),
    ),
)
