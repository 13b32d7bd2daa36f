"""Screen2Words (Wang et al. 2021) on RICO's screens."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, Embedded, PublicSet

SCREEN2WORDS = Benchmark(
    name="screen2words",
    summary="summaries of apps' screens, 5 references: CIDEr (paper: Screen2Words)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    metric="cider",
    ocr=True,
    embedded=Embedded(source="pages", task="screen.caption"),
    public=(
        PublicSet(
            title="Screen2Words (test)",
            component="rico_captions",
            paths=(
                ("path", "screen2words/screen_summaries.csv"),
                ("images", "rico/combined"),
                ("train", "screen2words/split/train_screens.txt"),
                ("test", "screen2words/split/test_screens.txt"),
            ),
            task="caption",
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
