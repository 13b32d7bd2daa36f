"""Benchmarks of the image encoder: few-shot probe, ImageNet (with ReaL and v2) in four ways, image-text retrieval."""

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
_PROBES = {
    "birds": "CUB_200_2011",
    "caltech101": "caltech-101",
    "cars": "stanford_cars",
    "cifar100": "cifar-100-python",
    "colorectal": "Kather_texture_2016_image_tiles_5000",
    "dtd": "dtd",
    "pets": "oxford-iiit-pet",
    "uc_merced": "UCMerced_LandUse",
}
"""The folders that the archives of the probe's sets unpack to, by the component that reads them."""


def _top1(way: str) -> tuple[Column, ...]:
    """Top-1 accuracy on the validation images, with ReaL's labels, and on ImageNet-v2."""
    return tuple(Column(part=part, title=f"{{labelled}} ({way})") for part in ("top1", "real", "v2"))


PROBE = Benchmark(
    name="probe",
    summary="8 tasks, 10-shot: accuracy, mean of 3 draws",
    columns=(Column(title="Probe ({probes})"),),
    unit=ACCURACY,
    answered="features",
    kind="probe",
    sets=("probes",),
    public=tuple(PublicSet(title=name, component=name, paths=(("path", path),)) for name, path in _PROBES.items()),
    setting="Probe: {shots} shots of each class, the mean of {draws} draws of them.",
    charts=(Chart(kind="lines", of="curve"),),
)
KNN = Benchmark(
    name="knn",
    summary="nearest neighbours among the train images: top-1, ReaL, v2",
    columns=_top1("neighbours"),
    unit=ACCURACY,
    answered="features",
    kind="knn",
    sets=("labelled",),
    public=(_IMAGENET,),
    setting="Neighbours: {neighbours}, by the cosine.",
)
LINEAR = Benchmark(
    name="linear",
    summary="a linear classifier on frozen features: top-1, ReaL, v2",
    columns=_top1("linear"),
    unit=ACCURACY,
    answered="features",
    kind="linear",
    sets=("labelled",),
    public=(_IMAGENET,),
)
FINETUNE = Benchmark(
    name="finetune",
    summary="the whole encoder as a classifier: top-1, ReaL, v2 (paper: ImageNet)",
    columns=_top1("fine-tuned"),
    unit=ACCURACY,
    answered="features",
    kind="classify",
    sets=("labelled",),
    public=(_IMAGENET,),
    trains="finetune",
)
ZERO_SHOT = Benchmark(
    name="zero_shot",
    summary="classes by their names: top-1, ReaL, v2",
    columns=_top1("zero-shot"),
    unit=ACCURACY,
    answered="features",
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
    answered="features",
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
        Chart(kind="bars", title="{title}, R@1", begin="i2t@1/", part="i2t"),
        Chart(kind="bars", title="{title}, R@1", begin="t2i@1/", part="t2i"),
    ),
)
