"""Counts are taken from what is drawn: sprites of the scene, in pixels, beside the printed word of the sign."""

import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from reading import drawn_pages

from pali3kit.data.pages.kinds.crowd import CROWD, crowd_scene
from pali3kit.data.pages.pages import Pages
from pali3kit.data.world import english, render, vocabulary
from pali3kit.data.world.atlas import OPAQUE, scaled_sprite
from pali3kit.data.world.palette import TILES


@pytest.fixture(scope="module")
def pages():
    pages = Pages(["crowd"])
    return [pages.page(split, "crowd", index) for split in ("train", "test") for index in range(400)]


def count_in(text, things, sign):
    """The number that a question asks for; `sign` is the box of its word."""
    if discs := re.fullmatch(r"how many (\w+) discs are there\?", text):
        return sum(thing.tile == discs[1] for thing in things)
    what, where = re.fullmatch(r"how many (.+?) (?:are|can) (.+)\?", text).groups()
    found = [thing for thing in things if english.plural(vocabulary.noun(thing.emoji)) == what]
    if where.startswith("on "):
        return sum(thing.tile == where.split()[1] for thing in found)
    if where.endswith("the sign"):
        y0, x0, y1, x1 = sign
        beside = {
            "left of": lambda box: box[3] <= x0, "right of": lambda box: box[1] >= x1,
            "above": lambda box: box[2] <= y0, "below": lambda box: box[0] >= y1,
        }[where.removesuffix(" the sign")]  # fmt: skip
        return sum(beside(thing.box) for thing in found)
    return len(found)


def test_answers_are_counts_of_what_is_drawn():
    groups = Counter()
    for page, drawing in drawn_pages("crowd", 300):
        sign = drawing.words[0].box if drawing.words else None
        for question in page.questions:
            seen = count_in(question.text, crowd_scene(page.facts).things, sign)
            assert str(seen) == question.answer, (page.split, page.index, question)
            groups[question.kind] += 1
    assert groups["simple"] == 300 and groups["complex"] > 150


@pytest.mark.parametrize("size", [128, 256])
def test_things_are_whole_apart_and_visible(size):
    """Boxes with discs lie inside and apart, also from the sign; sprites differ from what they lie on."""
    for page, _ in drawn_pages("crowd", 60, size):
        scene = crowd_scene(page.facts)
        empty = render.render(replace(scene, things=())).astype(int)
        taken = np.zeros((size, size), int)
        for thing, placed in zip(scene.things, page.facts.things, strict=True):
            y0, x0, y1, x1 = thing.box
            assert 0 <= y0 < y1 <= size and 0 <= x0 < x1 <= size
            taken[y0:y1, x0:x1] += 1
            sprite = scaled_sprite(thing.emoji, scene.artist, thing.size).astype(int)
            solid = sprite[..., 3] >= OPAQUE
            ground = empty[y0:y1, x0:x1] if placed.tile is None else np.array(TILES[placed.tile])
            far = np.abs(sprite[..., :3] - ground).max(axis=2)[solid]
            assert np.mean(far > 40) > 0.2, (page.split, page.index, thing)
        assert taken.max(initial=0) <= 1


def test_answers_spread_from_0_to_15(pages):
    simple, complex_ = (
        Counter(q.answer for p in pages for q in p.questions if q.kind == kind) for kind in ("simple", "complex")
    )
    assert set(simple) == set(map(str, range(16)))
    assert simple.most_common(1)[0][1] < 0.14 * simple.total()
    assert set(map(str, range(9))) <= set(complex_)
    assert complex_.most_common(1)[0][1] < 0.19 * complex_.total()


def test_others_are_as_many_whatever_is_counted(pages):
    few, many = [], []
    for page in pages:
        counted = sum(thing.emoji == page.facts.counted for thing in page.facts.things)
        (few if counted < 5 else many).append(len(page.facts.things) - counted)
    assert abs(np.mean(few) - np.mean(many)) < 0.7


def test_splits_share_neither_signs_nor_grounds(pages):
    said = {"train": set(), "test": set()}
    for page in pages:
        facts = page.facts
        said[page.split] |= {(facts.artist, facts.background, facts.texture, facts.cut[0])}
        said[page.split] |= {facts.sign.word} if facts.sign else set()
    assert not said["train"] & said["test"] and len(said["test"]) > 150


def test_captions_count_each_kind(pages):
    for page in pages[::40]:
        numbers = sum(map(int, re.findall(r"\b\d+\b", page.captions[0])))
        assert numbers == len(page.facts.things)
    assert CROWD.name == "crowd"
