"""Which pictures occur in scenes: concrete things of many groups with a short name of their own in every language.

Chosen in look-alike pairs (a thing and the most similar one of its group), so that telling them apart takes a look.
All other pictures are unseen in scenes: the probes use them.
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

# The order is that of choosing: neighbours differ in kind, so that few objects are diverse too.
GROUPS: tuple[str, ...] = (
    "animal-mammal", "food-fruit", "transport-ground", "clothing", "musical-instrument", "plant-flower", "tool",
    "sport", "animal-bird", "food-prepared", "transport-air", "household", "computer", "animal-marine",
    "food-sweet", "animal-bug", "food-vegetable", "drink", "plant-other", "animal-reptile", "transport-water",
    "place-building", "event", "light & video", "sky & weather",
)  # fmt: skip
SHORT = re.compile(r"[a-z]+( [a-z]+)?")
VAGUE = {"face", "with", "and", "moon", "chart", "japanese", "mark", "building", "hot", "rosette"}
MOST = 128  # pictures that scenes may show; the probes use the others
TOO_ALIKE = 10  # mean absolute difference of 12 x 12 thumbnails, 0..255


@cache
def _own_named() -> frozenset[str]:
    """Pictures that share their name with no other, in every language."""
    alone = set(names.emoji())
    for language in names.LANGUAGES:
        folded = [name.casefold() for name in names.names(language)]
        counts = Counter(folded)
        alone -= {one for one, name in zip(names.emoji(), folded, strict=True) if counts[name] > 1}
    return frozenset(alone)


@cache
def _thumbnail(one: str) -> NDArray[np.int64]:
    """Both artists' drawings at 12 x 12: [2, 12, 12, 4]."""
    drawn = np.stack([atlas.sprite(one, artist) for artist in atlas.ARTISTS]).astype(np.int64)
    small: NDArray[np.int64] = drawn.reshape(2, 12, 4, 12, 4, 4).sum(axis=(2, 4)) // 16
    return small


def difference(first: str, second: str) -> int:
    """Mean absolute difference of two pictures, 0..255; the smaller of both artists'."""
    return int(np.abs(_thumbnail(first) - _thumbnail(second)).mean(axis=(1, 2, 3)).min())


def _is_candidate(one: str) -> bool:
    name = names.name(one, "en")
    return bool(SHORT.fullmatch(name)) and not VAGUE & set(name.split()) and _fills_its_square(one)


def _fills_its_square(one: str) -> bool:
    """A quarter of the square at least, by both artists."""
    return all((atlas.sprite(one, artist)[..., 3] >= atlas.OPAQUE).mean() > 0.25 for artist in atlas.ARTISTS)


@cache
def candidates() -> tuple[str, ...]:
    """Every picture that may occur in scenes, in the order of choosing: a pair of each group, then a second one."""
    concrete = [one for one in names.emoji() if names.subgroup(one) in GROUPS]
    usable = [one for one in concrete if one in _own_named() and _is_candidate(one)]
    pairs = {group: _pairs([one for one in usable if names.subgroup(one) == group]) for group in GROUPS}
    rounds = range(max(len(found) for found in pairs.values()))
    return tuple(one for turn in rounds for found in pairs.values() if turn < len(found) for one in found[turn])


def _pairs(waiting: list[str]) -> list[tuple[str, str]]:
    """Disjoint pairs of one group, single words first, then the most alike first, but no two that look the same."""
    ranked = sorted(
        (len(names.name(first, "en").split()) + len(names.name(second, "en").split()), difference(first, second), pair)
        for pair in combinations(waiting, 2)
        for first, second in [pair]
    )
    taken: list[tuple[str, str]] = []
    for _, apart, pair in ranked:
        if apart >= TOO_ALIKE and not set(pair) & {one for found in taken for one in found}:
            taken.append(pair)
    return taken


def shown_at_most() -> tuple[str, ...]:
    """What scenes may show with any option; everything else is unseen for good."""
    return candidates()[:MOST]


def scene_classes(objects: int) -> tuple[str, ...]:
    """The `objects` emoji that occur in scenes."""
    if not 1 <= objects <= MOST:
        raise DataError(f"world.objects: {objects}: choose 1 to {MOST} pictures for scenes, the probes keep the others")
    return candidates()[:objects]
