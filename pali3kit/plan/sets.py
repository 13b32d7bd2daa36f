"""Image sets in a plan: their configuration fields. A set is opened once, as it may list a million files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypedDict

from pali3kit.config.digest import digest
from pali3kit.config.part import Part
from pali3kit.errors import DataError
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.registry import CAPTIONED, LABELLED
from pali3kit.types import Named

if TYPE_CHECKING:
    from pali3kit.data.sets.contract import CaptionedSet, LabelledSet

OF_TESTS = ("real", "v2", "names")  # options of sets that concern test images only


@dataclass(frozen=True, kw_only=True)
class ImageSetConfig(StageConfig):
    """`count` images from some splits of a labelled or captioned set, whose content has the digest `data`. A set that
    renders its images renders them with `image_size` pixels.
    """

    labelled: Named | None = None
    captioned: Named | None = None
    data: str
    count: int
    image_size: int


class _RequiredFields(TypedDict):
    """The required fields of `ImageSetConfig`."""

    data: str
    count: int
    image_size: int


class ImageSetFields(_RequiredFields, total=False):
    """The fields of `ImageSetConfig`."""

    labelled: Named
    captioned: Named


def labelled_fields(part: Part, splits: Sequence[str], image_size: int) -> ImageSetFields:
    """The fields for splits of a labelled set. For the train split alone, they do not depend on the test images."""
    images, options = open_labelled(part), dict(component_json(part))
    content = _content(images, part, splits)
    if list(splits) == ["train"]:
        options = {key: value for key, value in options.items() if key not in OF_TESTS}
    else:
        content += images.classes
    return {"labelled": options, "data": digest(content), "count": _count(images, splits), "image_size": image_size}


def captioned_fields(part: Part, splits: Sequence[str], image_size: int) -> ImageSetFields:
    """The fields for splits of a captioned set."""
    images = _open_captioned(part)
    content = _content(images, part, splits)
    count = _count(images, splits)
    return {"captioned": component_json(part), "data": digest(content), "count": count, "image_size": image_size}


def open_labelled(part: Part) -> LabelledSet:
    return _labelled(json.dumps(component_json(part), sort_keys=True))


def _open_captioned(part: Part) -> CaptionedSet:
    return _captioned(json.dumps(component_json(part), sort_keys=True))


def _content(images: LabelledSet | CaptionedSet, part: Part, splits: Sequence[str]) -> list[str]:
    if absent := [split for split in splits if not images.size(split)]:
        where = f"{part.name} {part.options.get('path', '')}".strip()
        raise DataError(f"{where}: there are no images in its split '{absent[0]}'")
    return [images.content(split) for split in splits]


def _count(images: LabelledSet | CaptionedSet, splits: Sequence[str]) -> int:
    return sum(images.size(split) for split in splits)


@cache
def _labelled(part: str) -> LabelledSet:
    options = json.loads(part)
    return LABELLED.build(options.pop("name"), **options)


@cache
def _captioned(part: str) -> CaptionedSet:
    options = json.loads(part)
    return CAPTIONED.build(options.pop("name"), **options)
