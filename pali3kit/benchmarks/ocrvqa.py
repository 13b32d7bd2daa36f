"""OCR-VQA: questions about book covers (Mishra et al. 2019)."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import EXACT, Benchmark, Column, Embedded, PublicSet

OCRVQA = Benchmark(
    name="ocrvqa",
    summary="title, author and genre of book covers: exact match in lower case (paper: OCR-VQA)",
    columns=(Column(title="{set}"),),
    unit=EXACT,
    metric="exact_lower",
    ocr=True,
    embedded=Embedded(source="pages", task="cover.vqa"),
    public=(
        PublicSet(
            title="OCR-VQA (test)",
            component="vqa",
            paths=(("path", "ocrvqa/dataset.json"), ("images", "ocrvqa/images"), ("test", "ocrvqa/dataset.json")),
            task="vqa",
        ),
    ),
)
