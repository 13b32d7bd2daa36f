"""Referring segmentation: RefCOCO, RefCOCO+, RefCOCOg, on all of which one fine-tuned model is measured; and the mask
tokenizer alone.
"""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import MIOU, Benchmark, Column, PublicSet


def _refer_set(title: str, task: str) -> PublicSet:
    """One of the three sets of the REFER package. Training uses all; `task` is the one whose test split is measured."""
    return PublicSet(
        title=title,
        component="refcoco",
        paths=(
            ("path", "refer"),
            ("instances", "coco/annotations/instances_train2014.json"),
            ("images", "coco/train2014"),
            ("test", "refer"),
        ),
        task=task,
    )


REFCOCO = Benchmark(
    name="refcoco",
    summary="boxes and masks of expressions that may name locations: mIoU (paper: RefCOCO)",
    columns=(Column(title="{set}"),),
    unit=MIOU,
    metric="segmentation_iou",
    task="refer",
    public=(_refer_set("RefCOCO ({test_split})", "refer"),),
    regions=True,
)
REFCOCO_PLUS = Benchmark(
    name="refcoco_plus",
    summary="boxes and masks of expressions without locations: mIoU (paper: RefCOCO+)",
    columns=(Column(title="{set}"),),
    unit=MIOU,
    metric="segmentation_iou",
    task="refer_plus",
    public=(_refer_set("RefCOCO+ ({test_split})", "refer_plus"),),
    regions=True,
    transfer_of="refcoco",
)
REFCOCOG = Benchmark(
    name="refcocog",
    summary="boxes and masks of long expressions: mIoU (paper: RefCOCOg)",
    columns=(Column(title="{set}"),),
    unit=MIOU,
    metric="segmentation_iou",
    task="refer_g",
    public=(_refer_set("RefCOCOg ({test_split})", "refer_g"),),
    regions=True,
    transfer_of="refcoco",
)
MASK_TOKENIZER = Benchmark(
    name="mask_tokenizer",
    summary="the mask tokenizer alone: IoU of test masks, written as 16 mask tokens and read back",
    columns=(Column(title="Mask tokens"),),
    unit=MIOU,
    scored="masks",
    kind="reconstruction",
    setting="Mask tokens: 64x64 crops of the true test masks, written as 16 mask tokens and read back.",
)
