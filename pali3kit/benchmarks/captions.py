"""Captions: COCO in English, Crossmodal-3600 in 36 languages."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column

COCO = Benchmark(
    name="caption",
    summary="English scene captions, 5 references: CIDEr (paper: COCO)",
    columns=(Column(title="COCO's counterpart"),),
    unit=CIDER,
    metric="cider",
    counterpart=True,
    fewest=2,
    right_or_wrong=False,
)
XM3600 = Benchmark(
    name="caption_multilingual",
    summary="captions in 36 languages: CIDEr, English and mean of the others, of which XM3600 has 35 (paper: XM3600)",
    columns=(
        Column(part="en", title="XM3600's counterpart (en)"),
        Column(part="avg35", title="XM3600's counterpart (avg-35)"),
    ),
    unit=CIDER,
    metric="cider_by_language",
    counterpart=True,
    fewest=2,
    every_language=True,
    right_or_wrong=False,
)
