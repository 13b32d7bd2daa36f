"""The sets that an image encoder alone is measured on, and whole models of two towers: names and options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pali3kit import registry

WorldTask = Literal["heldout_category", "artist_category", "skin_tone", "flag", "digits", "count", "texture", "food"]


@dataclass(frozen=True, kw_only=True)
class SetOptions:
    """A folder in the layout in which the set is published."""

    path: str


@dataclass(frozen=True, kw_only=True)
class ImageNetOptions:
    """`path` has `train/<wnid>/` and `val/<wnid>/`, or a flat `val/` and `devkit`, the development kit's folder.

    `real` is ReaL's `real.json`, `v2` the folder of ImageNet-v2 (matched frequency). `names` is a file with a wnid and
    a name on each line, where classes are not the usual thousand.
    """

    path: str
    devkit: str | None = None
    real: str | None = None
    v2: str | None = None
    names: str | None = None


@dataclass(frozen=True, kw_only=True)
class WorldProbeOptions:
    """One of the embedded world's small classification tasks."""

    task: WorldTask


@dataclass(frozen=True, kw_only=True)
class WorldClassesOptions:
    """Scenes of the embedded world by their largest thing: `train` and `test` of them, and `test` by another artist."""

    objects: int = 64
    train: int = 4000
    test: int = 1000


@dataclass(frozen=True, kw_only=True)
class Xm3600Options:
    """`path` is `captions.jsonl`, `images` the folder of pictures."""

    path: str
    images: str


@dataclass(frozen=True, kw_only=True)
class CocoKarpathyOptions:
    """`path` is Karpathy's `dataset_coco.json`, whose test split is taken, `images` the folder of pictures."""

    path: str
    images: str


@dataclass(frozen=True, kw_only=True)
class WorldCaptionsOptions:
    """`test` scenes of the embedded world's test split, drawn by `artist`, with captions in 36 languages."""

    objects: int = 64
    artist: Literal["noto", "twemoji"] = "twemoji"
    test: int = 500


@dataclass(frozen=True, kw_only=True)
class OpenClipTowersOptions:
    """`pretrained`: a tag of open_clip's weights, or a file; without, weights are random."""

    pretrained: str | None = None


@dataclass(frozen=True, kw_only=True)
class HfTowersOptions:
    """None: the repository or folder says everything."""


Declared = tuple[tuple[str, str, type, str], ...]

_LABELLED: Declared = (
    ("cifar100", "cifar:Cifar100", SetOptions, "CIFAR-100, cifar-100-python or cifar-100-binary"),
    ("pets", "pets:Pets", SetOptions, "Oxford-IIIT Pets, images/ and annotations/"),
    ("birds", "birds:Birds", SetOptions, "Caltech-UCSD Birds, CUB_200_2011"),
    ("caltech101", "shuffled:Caltech101", SetOptions, "Caltech-101, 101_ObjectCategories"),
    ("cars", "cars:Cars", SetOptions, "Stanford Cars, cars_train/, cars_test/ and devkit/"),
    ("colorectal", "shuffled:Colorectal", SetOptions, "Kather_texture_2016_image_tiles_5000"),
    ("dtd", "dtd:Dtd", SetOptions, "Describable Textures, images/ and labels/"),
    ("uc_merced", "shuffled:UcMerced", SetOptions, "UCMerced_LandUse/Images"),
    ("folders", "folders:Folders", SetOptions, "your own: train/<class>/ and test/<class>/, perhaps v2/<class>/"),
    ("imagenet", "imagenet:ImageNet", ImageNetOptions, "ImageNet, with ReaL's labels and ImageNet-v2"),
    ("world_probe", "world:WorldProbe", WorldProbeOptions, "embedded: one of eight small tasks"),
    ("world_classes", "world:WorldClasses", WorldClassesOptions, "embedded: the class of a scene's largest thing"),
)
_CAPTIONED: Declared = (
    ("xm3600", "xm3600:Xm3600", Xm3600Options, "Crossmodal-3600, captions.jsonl and its pictures"),
    ("coco_karpathy", "karpathy:CocoKarpathy", CocoKarpathyOptions, "COCO captions, Karpathy's test split"),
    ("world_captions", "world:WorldCaptions", WorldCaptionsOptions, "embedded: scenes with captions in 36 languages"),
)
_TOWERS: Declared = (
    ("open_clip/", "open_clip:OpenClipTowers", OpenClipTowersOptions, "open_clip/ViT-B-16-SigLIP"),
    ("hf/", "hf:HfTowers", HfTowersOptions, "SigLIP, SigLIP 2 or CLIP of transformers: hf/<repo or folder>"),
)
for _registry, _place, _declared in (
    (registry.LABELLED, "data.sets", _LABELLED),
    (registry.CAPTIONED, "data.sets", _CAPTIONED),
    (registry.TOWERS, "models", _TOWERS),
):
    for _name, _target, _options, _summary in _declared:
        _registry.add(_name, f"pali3kit.{_place}.{_target}", _options, _summary)
