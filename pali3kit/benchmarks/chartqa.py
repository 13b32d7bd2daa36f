"""ChartQA (Masry et al. 2022): the mean of the questions that humans wrote and of generated ones."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import RELAXED, Benchmark, Column, Embedded, PublicSet

CHARTQA = Benchmark(
    name="chartqa",
    summary="questions about charts, by humans and augmented: relaxed accuracy, mean of both (paper: ChartQA)",
    columns=(
        Column(title="{set}"),
        Column(part="human", title="{set}, human"),
        Column(part="augmented", title="{set}, augmented"),
    ),
    unit=RELAXED,
    metric="relaxed_accuracy",
    ocr=True,
    groups=("augmented", "human"),
    fewest=2,
    embedded=Embedded(source="pages", task="chart.vqa"),
    public=(
        PublicSet(
            title="ChartQA (test)",
            component="vqa",
            paths=(
                ("path", "ChartQA Dataset/train/train_*.json"),
                ("images", "ChartQA Dataset/train/png"),
                ("test", "ChartQA Dataset/test/test_*.json"),
                ("test_images", "ChartQA Dataset/test/png"),
            ),
            task="vqa",
        ),
    ),
)
