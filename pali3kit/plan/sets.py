"""Image sets in a plan: their configuration fields. A set is opened once, as it may list a million files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypedDict

from pali3kit.config.component import Component
from pali3kit.config.digest import digest
from pali3kit.errors import DataError
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.registry import CAPTIONED, LABELLED
from pali3kit.types import Named

if TYPE_CHECKING:
    from pali3kit.data.sets.contract import CaptionedSet, LabelledSet

TEST_OPTIONS = ("real", "v2", "names")  # options of sets that concern test images only


@dataclass(frozen=True, kw_only=True)
class ImageSetConfig(StageConfig):
    """`count` images from some splits of a `labelled` or `captioned` set; `data` is the digest of their content.

    A set that renders its images renders squares of `image_size` pixels.
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


def labelled_fields(component: Component, splits: Sequence[str], image_size: int) -> ImageSetFields:
    """The fields for splits of a labelled set. Those of the train split alone do not depend on test images or names."""
    images, options = open_labelled(component), dict(component_json(component))
    content = _split_digests(images, component, splits)
    if list(splits) == ["train"]:
        options = {key: value for key, value in options.items() if key not in TEST_OPTIONS}
    else:
        content += images.classes
    return {"labelled": options, "data": digest(content), "count": _count(images, splits), "image_size": image_size}


def captioned_fields(component: Component, splits: Sequence[str], image_size: int) -> ImageSetFields:
    """The fields for splits of a captioned set."""
    images = _open_captioned(component)
    content = _split_digests(images, component, splits)
    count = _count(images, splits)
    return {"captioned": component_json(component), "data": digest(content), "count": count, "image_size": image_size}


def open_labelled(component: Component) -> LabelledSet:
    return _open_labelled_json(json.dumps(component_json(component), sort_keys=True))


def _open_captioned(component: Component) -> CaptionedSet:
    return _open_captioned_json(json.dumps(component_json(component), sort_keys=True))


def _split_digests(images: LabelledSet | CaptionedSet, component: Component, splits: Sequence[str]) -> list[str]:
    """The digest of each split's content. Raises DataError for a split without images."""
    if absent := [split for split in splits if not images.size(split)]:
        where = f"{component.name} {component.options.get('path', '')}".strip()
        raise DataError(f"{where}: there are no images in its split '{absent[0]}'")
    return [images.content(split) for split in splits]


def _count(images: LabelledSet | CaptionedSet, splits: Sequence[str]) -> int:
    return sum(images.size(split) for split in splits)


@cache  # which needs a key that is hashable: the component as JSON
def _open_labelled_json(text: str) -> LabelledSet:
    options = json.loads(text)
    return LABELLED.build(options.pop("name"), **options)


@cache
def _open_captioned_json(text: str) -> CaptionedSet:
    options = json.loads(text)
    return CAPTIONED.build(options.pop("name"), **options)
