"""What the columns are called and measured in. They are counterparts of the paper's sets, never those sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pali3kit.config.supply import PARTS_OF, PRETRAINED_COLUMNS
from pali3kit.report.statistics import Score

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


@dataclass(frozen=True, slots=True)
class Sets:
    """What columns are measured on: the registry's names of the sets for the encoder alone, how many `probes` there
    are, and whether all else is measured on somebody's `own` files.
    """

    labelled: str = "world_classes"
    captioned: str = "world_captions"
    probes: int = 8
    own: bool = False


EMBEDDED = Sets()
_METRICS = {
    "accuracy": "accuracy, %",
    "recall": "R@1, %",
    "cider": "CIDEr × 100",
    "vqa": "VQA accuracy, %",
    "miou": "mIoU × 100",
    "loss": "nats per token",
}
_KNOWN = {
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
_CLASSIFIERS = {"knn": "neighbours", "linear": "linear", "finetune": "fine-tuned", "zero_shot": "zero-shot"}
_IMAGENET = {"top1": "ImageNet", "real": "ReaL", "v2": "ImageNet-v2"}
_LABELS = {
    "world_classes": {part: f"{name}'s counterpart" for part, name in _IMAGENET.items()},
    "imagenet": _IMAGENET,
}
_CAPTIONS = {"world_captions": "XM3600's counterpart", "xm3600": "XM3600", "coco_karpathy": "COCO"}
_DIRECTIONS = {"i2t": "image to text", "t2i": "text to image"}


def columns_of(source: str, sets: Sets = EMBEDDED) -> tuple[Column, ...]:
    """The report's columns of one evaluated column: several where it has several numbers.

    A column that this module does not know (of a plug-in), or that is measured on somebody's own files, is titled by
    its name: only they know what set that is.
    """
    names = [f"{source}.{part}" for part in PARTS_OF.get(source, ())] or [source]
    known = {name: _of_encoder(name, sets) or _KNOWN.get(name, (name, "")) for name in names}
    unnamed = sets.own and source not in PRETRAINED_COLUMNS
    return tuple(
        Column(name, name if unnamed else title, _METRICS.get(metric, ""), source)
        for name, (title, metric) in known.items()
    )


def _of_encoder(name: str, sets: Sets) -> tuple[str, str] | None:
    """Title and metric of a column of the encoder alone."""
    source, _, part = name.partition(".")
    if source == "probe":
        return f"Probe ({sets.probes} task{'s' * (sets.probes != 1)})", "accuracy"
    if source in _CLASSIFIERS:
        what = _LABELS.get(sets.labelled, {}).get(part, f"{sets.labelled} {part}")
        return f"{what} ({_CLASSIFIERS[source]})", "accuracy"
    if source == "retrieval":
        return f"{_CAPTIONS.get(sets.captioned, sets.captioned)} ({_DIRECTIONS[part]})", "recall"
    return None


def score_of(column: Column, metrics: Metrics, predictions: Predictions) -> Score:
    """The score of a column from the artifact's metrics; `predictions` say which language a sample is in.

    A picture that is described in many languages is one sample: its captions stand and fall together.
    """
    part = column.name.partition(".")[2]
    if "columns" in metrics:
        one = metrics["columns"][part]
        return Score(float(one["value"]), tuple(one["samples"]))
    if column.name == column.source:
        return Score(float(metrics["value"]), tuple(metrics.get("samples", ())))
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
