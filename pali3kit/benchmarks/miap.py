"""MIAP (Schumann et al. 2021): how often a person is not seen, on images of exactly one (paper: Table 8).

The method is recalled (benchmarks.md §7.3): a question, no boxes.
"""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import Benchmark, Column, PublicSet

MIAP = Benchmark(
    name="miap",
    summary="whether there is a person in images of one: error rate (paper: MIAP)",
    columns=(Column(title="{set}"),),
    unit="error rate, %",
    lower_is_better=True,
    metric="error_rate",
    task="vqa",
    public=(
        PublicSet(
            title="MIAP (test)",
            component="miap",
            paths=(
                ("path", "miap/open_images_extended_miap_boxes_train.csv"),
                ("images", "miap/images"),
                ("test", "miap/open_images_extended_miap_boxes_test.csv"),
            ),
            task="vqa",
        ),
    ),
    right_or_wrong=False,
    answered_by="vqav2",
)
