"""Captions: COCO in English, Crossmodal-3600 in 36 languages."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, PublicSet, Submission

_KARPATHY = ("path", "coco/dataset_coco.json"), ("images", "coco")

COCO = Benchmark(
    name="coco",
    summary="English scene captions, 5 references: CIDEr (paper: COCO)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    metric="cider",
    submission=Submission(key="image_id", text="caption"),
    task="caption",
    public=(
        PublicSet(
            title="COCO (Karpathy test)",
            component="coco_captions",
            paths=(*_KARPATHY, ("test", "coco/dataset_coco.json")),
            task="caption",
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
XM3600 = Benchmark(
    name="xm3600",
    summary="captions in 36 languages: CIDEr, English and mean of the others, of which XM3600 has 35 (paper: XM3600)",
    columns=(Column(part="en", title="{set} (en)"), Column(part="avg35", title="{set} (avg-35)")),
    unit=CIDER,
    metric="cider_by_language",
    task="caption_multilingual",
    public=(
        PublicSet(
            title="XM3600",
            component="xm3600",
            paths=(
                *_KARPATHY,
                ("translations", "xm3600/coco_mt_train.jsonl.bz2"),
                ("test", "xm3600/captions.jsonl"),
                ("test_images", "xm3600/images"),
            ),
            task="caption_multilingual",
        ),
    ),
    fewest=2,
    every_language=True,
    right_or_wrong=False,
)
