"""Clips: what happens in them is what is told of them, and no digest of theirs moves unnoticed."""

from __future__ import annotations

import hashlib
from collections import defaultdict

import numpy as np
import pytest

from pali3kit.data.world.clip_source import ClipsReader, _create
from pali3kit.data.world.clips import JUMP, KINDS, TIMES, WAYS, WorldClip, compose_clip
from pali3kit.data.world.vocabulary import noun
from pali3kit.data.world.words import invented_words
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

SIXTEEN = [(2 * frame + 1) / 32 for frame in range(16)]


@pytest.fixture(scope="module")
def clips() -> dict[str, list[WorldClip]]:
    found: dict[str, list[WorldClip]] = defaultdict(list)
    reader = ClipsReader("test", 240, 16, 64, 40, "noto", 0)
    for number in range(len(reader)):
        found[reader.clip(number).kind].append(reader.clip(number))
    assert found.keys() == KINDS.keys() and all(len(each) > 20 for each in found.values())
    return found


def test_things_move_as_they_are_asked_for(clips: dict[str, list[WorldClip]]) -> None:
    for clip in clips["way"]:
        [actor] = clip.actors
        way = np.sign(np.subtract(actor.place(1.0, 1.0), actor.place(0.0, 1.0)))
        assert tuple(way) == WAYS[clip.answer] and noun(actor.emoji) in clip.question
        assert all(f" {clip.answer}" in caption for caption in clip.captions)


def test_the_one_that_turns_over_changes_its_pixels(clips: dict[str, list[WorldClip]]) -> None:
    for clip in clips["turn"]:
        turned, still = clip.actors
        assert clip.answer == noun(turned.emoji) and turned.upside_down[0] != turned.upside_down[1]
        assert still.upside_down[0] == still.upside_down[1] and noun(still.emoji) in clip.question
        changed = np.flatnonzero((clip.frame(0.0) != clip.frame(1.0)).any((0, 2)))
        middle, left = clip.scene.size // 2, turned.start[1] < clip.scene.size // 2
        assert len(changed) == 0 or (changed < middle).all() == left


def test_swapping_is_yes_where_places_are_exchanged(clips: dict[str, list[WorldClip]]) -> None:
    for clip in clips["swap"]:
        starts, ends = ([actor.place(time, 1.0) for actor in clip.actors] for time in (0.0, 1.0))
        assert (ends == starts[::-1]) == (clip.answer == "yes") and (ends == starts) == (clip.answer == "no")
    assert {clip.answer for clip in clips["swap"]} == {"yes", "no"}


def test_the_first_to_come_is_the_answer(clips: dict[str, list[WorldClip]]) -> None:
    for clip in clips["order"]:
        first, second = clip.actors
        assert clip.answer == noun(first.emoji) and first.enters < second.enters < 0.9
        shown = [[actor for actor in clip.actors if actor.is_seen(time)] for time in SIXTEEN]
        assert [first] in shown and [first, second] in shown and [] in shown  # 16 frames tell


def test_the_first_to_leave_is_the_answer(clips: dict[str, list[WorldClip]]) -> None:
    for clip in clips["leave"]:
        first, second = clip.actors
        assert clip.answer == noun(first.emoji) and first.leaves < second.leaves < 0.9
        assert clip.question.startswith("which leaves first") and noun(second.emoji) in clip.question
        shown = [[actor for actor in clip.actors if actor.is_seen(time)] for time in SIXTEEN]
        assert shown[0] == [first, second] and [second] in shown and shown[-1] == [] and [first] not in shown
        assert (clip.frame(0.0) != clip.frame(first.leaves)).any(), "the thing that leaves is gone from the image"


def test_sixteen_frames_see_every_jump(clips: dict[str, list[WorldClip]]) -> None:
    for clip in clips["count"]:
        actor = clip.actors[0]
        high = [actor.place(time, 1.0) != actor.start for time in SIXTEEN]
        jumps = sum(now and not before for before, now in zip([False, *high], high, strict=False))
        assert TIMES[jumps - 1] == clip.answer and len(actor.jumps) == jumps
        assert all(begin + JUMP < 1 for begin in actor.jumps)


def test_signs_change_their_word(clips: dict[str, list[WorldClip]]) -> None:
    for clip in clips["sign"]:
        [sign] = clip.scene.signs
        assert clip.answer == (clip.word if clip.question.endswith("in the end?") else sign.word)
        assert {sign.word, clip.word} <= set(invented_words("test")) and sign.word != clip.word
        assert (clip.frame(0.2) != clip.frame(0.8)).any() and (clip.frame(0.0) == clip.frame(0.2)).all()


def test_the_generators_version_is_raised_with_other_clips() -> None:
    """A digest of 24 clips: where it moves, raise `CLIPS_VERSION`."""
    content = hashlib.sha256()
    for split in ("train", "test"):
        for index in range(12):
            clip = compose_clip(ClipsReader(split, 1, 1, 64, 40, "noto", 0).emoji, "noto", 64, 0, split, index)
            content.update(repr((clip.kind, clip.question, clip.answer, clip.captions)).encode())
            content.update(clip.frame(0.3).tobytes())
    assert content.hexdigest() == DIGEST


DIGEST = "7a409e0704fdff139348939c58d6de71ea12d911a1b97581be88ae61b7cd047f"


def test_the_source_has_the_frames_of_each_clip() -> None:
    source = _create(frames=4, clips=3, test_clips=2)
    assert (source.size("train"), source.size("test"), source.max_images) == (12, 8, 4)
    [first, second] = [source.task("vqa", 1000).draw("test", 4 * n, np.random.default_rng(0)) for n in range(2)]
    assert first is not None and second is not None
    assert first.images == (0, 1, 2, 3) and second.images == (4, 5, 6, 7)
    clip = ClipsReader("test", 2, 4, 64, 40, "noto", 0).clip(1)
    assert second.references == (clip.answer,) and second.group == clip.kind and clip.question in second.prompt
    assert second.attributes == {"kind": clip.kind} and SOURCE.describe("clips").attributes == {"kind": tuple(KINDS)}
    for frame in range(4):
        assert np.array_equal(source.image("test", 4 + frame), clip.frame((2 * frame + 1) / 8))
    caption = source.task("caption", 1000).draw("test", 4, np.random.default_rng(0))
    assert caption is not None and caption.references == clip.captions
    assert source.digest != _create(frames=4, clips=3, test_clips=3).digest != _create(frames=1).digest


def test_unusable_options_are_refused() -> None:
    with pytest.raises(DataError, match=r"clips.image_size: 32: must be at least 64"):
        _create(image_size=32)
    with pytest.raises(DataError, match="at least two objects"):
        _create(objects=1)
