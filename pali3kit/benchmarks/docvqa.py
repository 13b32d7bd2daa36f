"""DocVQA, single pages (Mathew et al. 2021), measured on val: the answers to its test questions are not public."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import ANLS, Benchmark, Column, Embedded, PublicSet, Submission

DOCVQA = Benchmark(
    name="docvqa",
    summary="questions about scanned pages: ANLS (paper: DocVQA)",
    columns=(Column(title="{set}"),),
    unit=ANLS,
    submission=Submission(key="questionId"),
    ocr=True,
    metric="anls",
    embedded=Embedded(source="pages", task="document.vqa"),
    public=(
        PublicSet(
            title="DocVQA (val)",
            component="vqa",
            paths=(
                ("path", "docvqa/train_v1.0*.json"),
                ("images", "docvqa/train"),
                ("test", "docvqa/val_v1.0*.json"),
                ("test_images", "docvqa/val"),
            ),
            task="vqa",
            ocr=(("ocr", "docvqa/train/ocr_results"), ("test_ocr", "docvqa/val/ocr_results")),
        ),
    ),
)
