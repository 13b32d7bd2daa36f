"""The emoji that occur in scenes: concrete things of many subgroups with a short, unique name in every language.

They are chosen in look-alike pairs (a thing and the most similar one of its subgroup), so that only their appearance
tells them apart. All other emoji never occur in scenes: the probes use them.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.world import atlas, names
from pali3kit.errors import DataError

# In order of choice: neighbours differ in kind, so that a small set of classes is diverse too.
GROUPS: tuple[str, ...] = (
    "animal-mammal", "food-fruit", "transport-ground", "clothing", "musical-instrument", "plant-flower", "tool",
    "sport", "animal-bird", "food-prepared", "transport-air", "household", "computer", "animal-marine",
    "food-sweet", "animal-bug", "food-vegetable", "drink", "plant-other", "animal-reptile", "transport-water",
    "place-building", "event", "light & video", "sky & weather",
)  # fmt: skip
SHORT = re.compile(r"[a-z]+( [a-z]+)?")
VAGUE = {"face", "with", "and", "moon", "chart", "japanese", "mark", "building", "hot", "rosette"}
MAX_CLASSES = 128  # emoji that scenes may show; the probes use the others
TOO_ALIKE = 10  # least mean absolute difference of 12 x 12 thumbnails, 0..255


@cache
def _uniquely_named() -> frozenset[str]:
    """Emoji that share their name with no other in any language."""
    unique = set(names.emoji())
    for language in names.LANGUAGES:
        folded = [name.casefold() for name in names.in_language(language).names]
        counts = Counter(folded)
        unique -= {one for one, name in zip(names.emoji(), folded, strict=True) if counts[name] > 1}
    return frozenset(unique)


@cache
def _thumbnail(one: str) -> NDArray[np.int64]:
    """The sprites of both artists, reduced to 12 x 12: [2, 12, 12, 4]."""
    drawn = np.stack([atlas.sprite(one, artist) for artist in atlas.ARTISTS]).astype(np.int64)
    small: NDArray[np.int64] = drawn.reshape(2, 12, 4, 12, 4, 4).sum(axis=(2, 4)) // 16
    return small


def sprite_difference(first: str, second: str) -> int:
    """Mean absolute difference of two sprites, 0..255: the smaller of both artists'."""
    return int(np.abs(_thumbnail(first) - _thumbnail(second)).mean(axis=(1, 2, 3)).min())


def _is_candidate(one: str) -> bool:
    name = names.in_language("en").name(one)
    return bool(SHORT.fullmatch(name)) and not VAGUE & set(name.split()) and _fills_its_square(one)


def _fills_its_square(one: str) -> bool:
    """Whether both artists' sprites cover more than a quarter of their square."""
    return all((atlas.sprite(one, artist)[..., 3] >= atlas.OPAQUE).mean() > 0.25 for artist in atlas.ARTISTS)


@cache
def scene_candidates() -> tuple[str, ...]:
    """All emoji that are suitable for scenes, in order of choice: a pair of each group, then a second pair of each."""
    concrete = [one for one in names.emoji() if names.subgroup(one) in GROUPS]
    usable = [one for one in concrete if one in _uniquely_named() and _is_candidate(one)]
    pairs = {group: _pairs([one for one in usable if names.subgroup(one) == group]) for group in GROUPS}
    rounds = range(max(len(found) for found in pairs.values()))
    return tuple(one for turn in rounds for found in pairs.values() if turn < len(found) for one in found[turn])


def _pairs(waiting: list[str]) -> list[tuple[str, str]]:
    """Disjoint pairs within a group: shortest names first, then most alike; indistinguishable pairs are left out."""
    english = names.in_language("en")
    ranked = sorted(
        (len(english.name(first).split()) + len(english.name(second).split()), sprite_difference(first, second), pair)
        for pair in combinations(waiting, 2)
        for first, second in [pair]
    )
    chosen: list[tuple[str, str]] = []
    for _, difference, pair in ranked:
        if difference >= TOO_ALIKE and not set(pair) & {one for found in chosen for one in found}:
            chosen.append(pair)
    return chosen


def scene_classes(objects: int) -> tuple[str, ...]:
    """The `objects` emoji that occur in scenes."""
    if not 1 <= objects <= MAX_CLASSES:
        raise DataError(f"world.objects: {objects}: choose 1 to {MAX_CLASSES} emoji; the probes use the others")
    return scene_candidates()[:objects]
