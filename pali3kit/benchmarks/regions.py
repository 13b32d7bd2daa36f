"""Referring segmentation: RefCOCO, RefCOCO+, RefCOCOg. One transfer learns all three kinds of expression."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import MIOU, Benchmark, Column

REFCOCO = Benchmark(
    name="refer",
    summary="expressions with locations to boxes and masks: mIoU (paper: RefCOCO)",
    columns=(Column(title="RefCOCO's counterpart"),),
    unit=MIOU,
    metric="segmentation_iou",
    counterpart=True,
    regions=True,
)
REFCOCO_PLUS = Benchmark(
    name="refer_plus",
    summary="expressions without locations: mIoU (paper: RefCOCO+)",
    columns=(Column(title="RefCOCO+'s counterpart"),),
    unit=MIOU,
    metric="segmentation_iou",
    counterpart=True,
    regions=True,
    transfer_of="refer",
)
REFCOCOG = Benchmark(
    name="refer_g",
    summary="long expressions: mIoU (paper: RefCOCOg)",
    columns=(Column(title="RefCOCOg's counterpart"),),
    unit=MIOU,
    metric="segmentation_iou",
    counterpart=True,
    regions=True,
    transfer_of="refer",
)
