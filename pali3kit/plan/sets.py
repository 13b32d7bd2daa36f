"""Sets of pictures as a plan needs them: built once, for one may have to list a million files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypedDict

from pali3kit.config.digest import digest
from pali3kit.config.part import Part
from pali3kit.errors import DataError
from pali3kit.plan.plain import StageConfig, named
from pali3kit.registry import CAPTIONED, LABELLED
from pali3kit.types import Named

if TYPE_CHECKING:
    from pali3kit.data.sets.contract import CaptionedSet, LabelledSet

OF_TESTS = ("real", "v2", "names")  # options of sets that say nothing of train pictures


@dataclass(frozen=True, kw_only=True)
class Pictures(StageConfig):
    """`count` pictures of some splits of a labelled or captioned set, whose content has the digest `data`; a set that
    draws them draws them `image_size` pixels wide.
    """

    labelled: Named | None = None
    captioned: Named | None = None
    data: str
    count: int
    image_size: int


class Content(TypedDict):
    """The fields of `Pictures` that all sets have."""

    data: str
    count: int
    image_size: int


class PictureFields(Content, total=False):
    """The fields of `Pictures`."""

    labelled: Named
    captioned: Named


def labelled_pictures(part: Part, splits: Sequence[str], image_size: int) -> PictureFields:
    """A labelled set. What learns from train pictures alone does not depend on what they
    are tested on.
    """
    pictures, known = open_labelled(part), dict(named(part))
    content = _content(pictures, part, splits)
    if list(splits) == ["train"]:
        known = {key: value for key, value in known.items() if key not in OF_TESTS}
    else:
        content += pictures.classes
    return {"labelled": known, "data": digest(content), "count": _count(pictures, splits), "image_size": image_size}


def captioned_pictures(part: Part, splits: Sequence[str], image_size: int) -> PictureFields:
    """A captioned set."""
    pictures = _open_captioned(part)
    content = _content(pictures, part, splits)
    count = _count(pictures, splits)
    return {"captioned": named(part), "data": digest(content), "count": count, "image_size": image_size}


def splits_tested(part: Part) -> tuple[str, ...]:
    """The test pictures that a labelled set has."""
    return ("test", "v2") if open_labelled(part).size("v2") else ("test",)


def open_labelled(part: Part) -> LabelledSet:
    return _labelled(json.dumps(named(part), sort_keys=True))


def _open_captioned(part: Part) -> CaptionedSet:
    return _captioned(json.dumps(named(part), sort_keys=True))


def _content(pictures: LabelledSet | CaptionedSet, part: Part, splits: Sequence[str]) -> list[str]:
    if absent := [split for split in splits if not pictures.size(split)]:
        where = f"{part.name} {part.options.get('path', '')}".strip()
        raise DataError(f"{where}: there are no pictures in its split '{absent[0]}'")
    return [pictures.content(split) for split in splits]


def _count(pictures: LabelledSet | CaptionedSet, splits: Sequence[str]) -> int:
    return sum(pictures.size(split) for split in splits)


@cache
def _labelled(part: str) -> LabelledSet:
    options = json.loads(part)
    return LABELLED.build(options.pop("name"), **options)


@cache
def _captioned(part: str) -> CaptionedSet:
    options = json.loads(part)
    return CAPTIONED.build(options.pop("name"), **options)
