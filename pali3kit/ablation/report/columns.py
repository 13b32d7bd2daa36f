"""What the columns are called and measured in. They are counterparts of the paper's sets, never those sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pali3kit.ablation.statistics import Score
from pali3kit.config.supply import PRETRAINED_COLUMNS

Metrics = Mapping[str, Any]
Predictions = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table. `name` is also its key in the paper's table; `source` is the evaluated column."""

    name: str
    title: str
    metric: str
    source: str

    @property
    def loss(self) -> bool:
        """Whether it is in nats instead of points: less is better."""
        return self.metric == _METRICS["loss"]

    @property
    def digits(self) -> int:
        """How many decimals tell something: a point is a percent, a nat is much."""
        return 3 if self.loss else 1


_METRICS = {
    "accuracy": "accuracy, %",
    "cider": "CIDEr × 100",
    "vqa": "VQA accuracy, %",
    "miou": "mIoU × 100",
    "loss": "nats per token",
}
_KNOWN = {
    "probe": ("Probe (8 tasks)", "accuracy"),
    "denoising": ("Held-out loss (less is better)", "loss"),
    "caption": ("COCO's counterpart", "cider"),
    "caption_multilingual.en": ("XM3600's counterpart (en)", "cider"),
    "caption_multilingual.avg35": ("XM3600's counterpart (avg-35)", "cider"),
    "vqa": ("VQAv2's counterpart", "vqa"),
    "vqa_knowledge": ("OKVQA's counterpart", "vqa"),
    "vqa_text": ("TextVQA's counterpart", "vqa"),
    "refer": ("RefCOCO's counterpart", "miou"),
    "refer_plus": ("RefCOCO+'s counterpart", "miou"),
    "refer_g": ("RefCOCOg's counterpart", "miou"),
}
_SPLIT = {"caption_multilingual": ("caption_multilingual.en", "caption_multilingual.avg35")}


def columns_of(source: str, own: bool = False) -> tuple[Column, ...]:
    """The report's columns of one evaluated column: two for the multilingual captions, else one.

    A column that this module does not know (of a plug-in), or that is measured on somebody's `own` files, is titled by
    its name: only they know what set that is.
    """
    names = _SPLIT.get(source, (source,))
    known = {name: _KNOWN.get(name, (name, "")) for name in names}
    return tuple(
        Column(name, name if own and source not in PRETRAINED_COLUMNS else title, _METRICS.get(metric, ""), source)
        for name, (title, metric) in known.items()
    )


def score_of(column: Column, metrics: Metrics, predictions: Predictions) -> Score:
    """The score of a column from the artifact's metrics; `predictions` say which language a sample is in.

    A picture that is described in many languages is one sample: its captions stand and fall together.
    """
    if column.name == column.source:
        return Score(float(metrics["value"]), tuple(metrics.get("samples", ())))
    part = column.name.partition(".")[2]
    belongs: Callable[[str], bool] = _is_english if part == "en" else _is_not_english
    samples, value = metrics.get("samples", ()), float(metrics["extra"][part])
    if len(samples) != len(predictions):
        return Score(value)
    by_image: dict[int, list[float]] = {}
    for sample, row in zip(samples, predictions, strict=True):
        if belongs(str(row.get("language", ""))):
            by_image.setdefault(int(row["image"]), []).append(sample)
    return Score(value, tuple(sum(each) / len(each) for each in by_image.values()))


def _is_english(language: str) -> bool:
    return language == "en"


def _is_not_english(language: str) -> bool:
    return language != "en"
