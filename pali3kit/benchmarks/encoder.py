"""The image encoder alone: the few-shot probe, ImageNet with ReaL's labels and v2 four ways, cross-modal retrieval."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import ACCURACY, RECALL, Benchmark, Column, Figure


def imagenet(way: str) -> tuple[Column, ...]:
    """Top-1 on the set's own labels, on ReaL's, and on v2."""
    return tuple(Column(part=part, title=f"{{labelled}} ({way})") for part in ("top1", "real", "v2"))


PROBE = Benchmark(
    name="probe",
    summary="8 tasks, 10-shot: accuracy, mean of 3 draws",
    columns=(Column(title="Probe ({probes})"),),
    unit=ACCURACY,
    answered="features",
    kind="probe",
    sets=("probes",),
    setting="Probe: {shots} shots of each class, the mean of {draws} draws of them.",
    figures=(Figure(kind="lines", of="curve"),),
)
KNN = Benchmark(
    name="knn",
    summary="nearest neighbours among the train pictures: top-1, ReaL, v2",
    columns=imagenet("neighbours"),
    unit=ACCURACY,
    answered="features",
    kind="knn",
    sets=("labelled",),
    setting="Neighbours: {neighbours}, by the cosine.",
)
LINEAR = Benchmark(
    name="linear",
    summary="a linear classifier on frozen features: top-1, ReaL, v2",
    columns=imagenet("linear"),
    unit=ACCURACY,
    answered="features",
    kind="linear",
    sets=("labelled",),
)
FINETUNE = Benchmark(
    name="finetune",
    summary="the whole encoder as a classifier: top-1, ReaL, v2 (paper: ImageNet)",
    columns=imagenet("fine-tuned"),
    unit=ACCURACY,
    answered="features",
    kind="classify",
    sets=("labelled",),
    trains="finetune",
)
ZERO_SHOT = Benchmark(
    name="zero_shot",
    summary="classes by their names: top-1, ReaL, v2",
    columns=imagenet("zero-shot"),
    unit=ACCURACY,
    answered="features",
    kind="zero_shot",
    sets=("labelled",),
    reads_texts=True,
    setting="Zero-shot: the set of prompts '{prompts}'.",
)
RETRIEVAL = Benchmark(
    name="retrieval",
    summary="R@1 of pictures and captions, both directions, mean over languages (paper: XM3600)",
    columns=(
        Column(part="i2t", title="{captioned} (image to text)"),
        Column(part="t2i", title="{captioned} (text to image)"),
    ),
    unit=RECALL,
    answered="features",
    kind="retrieval",
    sets=("captioned",),
    reads_texts=True,
    figures=(
        Figure(kind="bars", title="{title}, R@1", begin="i2t@1/", part="i2t"),
        Figure(kind="bars", title="{title}, R@1", begin="t2i@1/", part="t2i"),
    ),
)
