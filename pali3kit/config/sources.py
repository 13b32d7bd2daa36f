"""The sources of annotated pictures in files: their options, and in OFFERS what their records tell.

All have `test`, a file as `path` is, for the pictures that columns are measured on, and `test_images` where those lie
elsewhere than the training pictures in `images`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pali3kit import registry
from pali3kit.config.schema import Part


@dataclass(frozen=True, kw_only=True)
class TsvOptions:
    """A table of captions and urls or paths, pictures in `images` by row or path; `filter` drops poor texts."""

    OFFERS: ClassVar[tuple[str, ...]] = ("captions",)

    path: str
    images: str
    language: str = "en"
    filter: bool = False
    test: str | None = None
    test_images: str | None = None


@dataclass(frozen=True, kw_only=True)
class ParquetOptions:
    """Parquet files with captions and bytes of pictures, or img2dataset's keys of files in `images`."""

    OFFERS: ClassVar[tuple[str, ...]] = ("captions",)

    path: str
    images: str | None = None
    language: str = "en"
    filter: bool = False
    test: str | None = None
    test_images: str | None = None


@dataclass(frozen=True, kw_only=True)
class CocoCaptionsOptions:
    """Karpathy's `dataset_coco.json` (`test`: the same) or `captions_*.json`; `translations`: `coco_mt_*.jsonl.bz2`."""

    OFFERS: ClassVar[tuple[str, ...]] = ("captions",)

    path: str
    images: str
    translations: str | None = None
    test: str | None = None
    test_images: str | None = None
    test_translations: str | None = None


@dataclass(frozen=True, kw_only=True)
class OcrOptions:
    """TextOCR, COCO-Text (`split`: its `set`) or HierText; at most `words` printed words are asked for."""

    OFFERS: ClassVar[tuple[str, ...]] = ("words",)

    path: str
    images: str
    split: str | None = None
    words: int = 64
    test: str | None = None
    test_images: str | None = None
    test_split: str | None = None


@dataclass(frozen=True, kw_only=True)
class VqaOptions:
    """VQAv2 or OKVQA (`annotations` has the answers), TextVQA, or VQ2A, with questions in `language`."""

    OFFERS: ClassVar[tuple[str, ...]] = ("questions",)

    path: str
    images: str
    annotations: str | None = None
    language: str = "en"
    test: str | None = None
    test_images: str | None = None
    test_annotations: str | None = None


@dataclass(frozen=True, kw_only=True)
class PdfOptions:
    """The first `pages` of each PDF in a folder, their longer side `pixels` long; at most `words` are asked for."""

    OFFERS: ClassVar[tuple[str, ...]] = ("words",)

    path: str
    pages: int = 20
    pixels: int = 1024
    words: int = 64
    test: str | None = None


@dataclass(frozen=True, kw_only=True)
class CocoInstancesOptions:
    """COCO's `instances_*.json`, less the pictures that RefCOCO's sets in the folder `without` test on."""

    OFFERS: ClassVar[tuple[str, ...]] = ("things", "masks")

    path: str
    images: str
    without: str | None = None
    test: str | None = None
    test_images: str | None = None


@dataclass(frozen=True, kw_only=True)
class OpenImagesOptions:
    """Open Images' `*-annotations-bbox.csv`, or `*-object-segmentation.csv` with the PNGs in `masks`.

    `classes` is `class-descriptions-boxable.csv`.
    """

    OFFERS: ClassVar[tuple[str, ...]] = ("things", "masks")

    path: str
    images: str
    classes: str
    masks: str | None = None
    test: str | None = None
    test_images: str | None = None
    test_masks: str | None = None


@dataclass(frozen=True, kw_only=True)
class RefCocoOptions:
    """A folder with `refcoco/refs(unc).p`, `refcoco+/refs(unc).p`, `refcocog/refs(umd).p`, or some of them.

    Things are those of the `instances.json` beside each, or of `instances`. `test` is the folder again, `test_split`
    is val, testA, testB or test.
    """

    OFFERS: ClassVar[tuple[str, ...]] = ("masks", "expressions")

    path: str
    images: str
    instances: str | None = None
    test: str | None = None
    test_split: str = "val"


@dataclass(frozen=True, kw_only=True)
class UnionOptions:
    """Sources by names of their own; a mixture says `task` for all parts that have it, `part.task` for one."""

    parts: dict[str, Part]


for _name, _target, _options, _summary in (
    ("tsv", "readers.tsv:create", TsvOptions, "captions in a table, CC3M and CC12M, with a folder of pictures"),
    ("parquet", "readers.parquet:create", ParquetOptions, "captions in Parquet files, LAION or img2dataset"),
    ("coco_captions", "readers.coco_captions:create", CocoCaptionsOptions, "COCO captions, and in 35 more languages"),
    ("ocr", "readers.ocr:create", OcrOptions, "words in pictures: TextOCR, COCO-Text, HierText"),
    ("vqa", "readers.vqa:create", VqaOptions, "questions and answers: VQAv2, OKVQA, TextVQA, VQ2A"),
    ("pdf", "readers.pdf:create", PdfOptions, "rendered pages of a folder of PDFs, with their text"),
    ("coco_instances", "readers.coco_instances:create", CocoInstancesOptions, "objects with boxes and masks: COCO"),
    ("open_images", "readers.open_images:create", OpenImagesOptions, "objects with boxes and masks: Open Images"),
    ("refcoco", "readers.refcoco:create", RefCocoOptions, "referring expressions: RefCOCO, RefCOCO+, RefCOCOg"),
    ("union", "union:UnionSource", UnionOptions, "several sources of pictures as one"),
):
    registry.SOURCE.add(_name, f"pali3kit.data.{_target}", _options, _summary)
