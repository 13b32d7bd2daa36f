"""Referring segmentation: RefCOCO, RefCOCO+, RefCOCOg. One transfer learns all three kinds of expression."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import MIOU, Benchmark, Column, PublicSet


def _in_refer(title: str, task: str) -> PublicSet:
    """A set of the REFER package: the three are trained on together, and each is a task of the test split."""
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
    name="refer",
    summary="expressions with locations to boxes and masks: mIoU (paper: RefCOCO)",
    columns=(Column(title="{set}"),),
    unit=MIOU,
    metric="segmentation_iou",
    task="refer",
    public=(_in_refer("RefCOCO ({test_split})", "refer"),),
    regions=True,
)
REFCOCO_PLUS = Benchmark(
    name="refer_plus",
    summary="expressions without locations: mIoU (paper: RefCOCO+)",
    columns=(Column(title="{set}"),),
    unit=MIOU,
    metric="segmentation_iou",
    task="refer_plus",
    public=(_in_refer("RefCOCO+ ({test_split})", "refer_plus"),),
    regions=True,
    transfer_of="refer",
)
REFCOCOG = Benchmark(
    name="refer_g",
    summary="long expressions: mIoU (paper: RefCOCOg)",
    columns=(Column(title="{set}"),),
    unit=MIOU,
    metric="segmentation_iou",
    task="refer_g",
    public=(_in_refer("RefCOCOg ({test_split})", "refer_g"),),
    regions=True,
    transfer_of="refer",
)
