"""Benchmarks of the image encoder: few-shot probe, ImageNet classification in four ways, retrieval."""

from __future__ import annotations

from pali3kit.benchmarks.benchmark import ACCURACY, RECALL, Benchmark, Chart, Column, PublicSet

_IMAGENET = PublicSet(
    title="ImageNet",
    component="imagenet",
    paths=(
        ("path", "imagenet"),
        ("real", "imagenet/real.json"),
        ("v2", "imagenetv2-matched-frequency-format-val"),
    ),
)
_PROBE_FOLDERS = {
    "birds": "CUB_200_2011",
    "caltech101": "caltech-101",
    "cars": "stanford_cars",
    "cifar100": "cifar-100-python",
    "colorectal": "Kather_texture_2016_image_tiles_5000",
    "dtd": "dtd",
    "pets": "oxford-iiit-pet",
    "uc_merced": "UCMerced_LandUse",
}
"""The data sets of the few-shot probe: the component that reads each, and the folder that its archive unpacks to."""


def _top1_columns(method: str) -> tuple[Column, ...]:
    """Top-1 accuracy on the validation images, with ReaL's labels, and on ImageNet-v2."""
    return tuple(Column(part=part, title=f"{{labelled}} ({method})") for part in ("top1", "real", "v2"))


PROBE = Benchmark(
    name="probe",
    summary="8 tasks, 10-shot: accuracy, mean of 3 repeats",
    columns=(Column(title="Probe ({probes})"),),
    unit=ACCURACY,
    scored="features",
    kind="probe",
    sets=("probes",),
    public=tuple(
        PublicSet(title=name, component=name, paths=(("path", path),)) for name, path in _PROBE_FOLDERS.items()
    ),
    setting="Probe: shots of each class: {shots}; random choices of them, over which it is the mean: {repeats}.",
    charts=(Chart(kind="lines", key="curve"),),
)
KNN = Benchmark(
    name="knn",
    summary="nearest neighbours among the train images: top-1, ReaL, v2",
    columns=_top1_columns("neighbours"),
    unit=ACCURACY,
    scored="features",
    kind="knn",
    sets=("labelled",),
    public=(_IMAGENET,),
    setting="Neighbours: {neighbours}, by cosine similarity.",
)
LINEAR = Benchmark(
    name="linear",
    summary="a linear classifier on frozen features: top-1, ReaL, v2",
    columns=_top1_columns("linear"),
    unit=ACCURACY,
    scored="features",
    kind="linear",
    sets=("labelled",),
    public=(_IMAGENET,),
)
FINETUNE = Benchmark(
    name="finetune",
    summary="the whole encoder fine-tuned as a classifier: top-1, ReaL, v2 (paper: ImageNet)",
    columns=_top1_columns("fine-tuned"),
    unit=ACCURACY,
    scored="features",
    kind="classify",
    sets=("labelled",),
    public=(_IMAGENET,),
    training_stage="finetune",
)
ZERO_SHOT = Benchmark(
    name="zero_shot",
    summary="zero-shot classification by the names of classes: top-1, ReaL, v2",
    columns=_top1_columns("zero-shot"),
    unit=ACCURACY,
    scored="features",
    kind="zero_shot",
    sets=("labelled",),
    public=(_IMAGENET,),
    reads_texts=True,
    setting="Zero-shot: the set of prompts '{prompts}'.",
)
RETRIEVAL = Benchmark(
    name="retrieval",
    summary="R@1 of images and captions, both directions, mean over languages (paper: XM3600)",
    columns=(
        Column(part="i2t", title="{captioned} (image to text)"),
        Column(part="t2i", title="{captioned} (text to image)"),
    ),
    unit=RECALL,
    scored="features",
    kind="retrieval",
    sets=("captioned",),
    public=(
        PublicSet(
            title="XM3600",
            component="xm3600",
            paths=(("path", "xm3600/captions.jsonl"), ("images", "xm3600/images")),
        ),
    ),
    reads_texts=True,
    charts=(
        Chart(kind="bars", title="{title}, R@1", prefix="i2t@1/", part="i2t"),
        Chart(kind="bars", title="{title}, R@1", prefix="t2i@1/", part="t2i"),
    ),
)
