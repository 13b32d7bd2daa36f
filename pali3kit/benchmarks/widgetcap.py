"""WidgetCap (Li et al. 2020) on RICO's screens, as far as these are public."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import CIDER, Benchmark, Column, Embedded, PublicSet

WIDGETCAP = Benchmark(
    name="widgetcap",
    summary="captions of outlined widgets on apps' screens: CIDEr (paper: WidgetCap)",
    columns=(Column(title="{set}"),),
    unit=CIDER,
    metric="cider",
    ocr=True,
    embedded=Embedded(source="pages", task="widget.caption"),
    public=(
        PublicSet(
            title="WidgetCap (test)",
            component="rico_captions",
            paths=(
                ("path", "widget-caption/widget_captions.csv"),
                ("images", "rico/combined"),
                ("train", "widget-caption/split/train.txt"),
                ("test", "widget-caption/split/test.txt"),
            ),
            task="caption",
        ),
    ),
    fewest=2,
    right_or_wrong=False,
)
