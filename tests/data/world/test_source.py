"""The world as a source."""

from __future__ import annotations

import numpy as np

from pali3kit.data.world import LANGUAGES, World
from pali3kit.data.world.source import WorldSource

SOURCE = WorldSource()


def test_images_and_labels_are_the_worlds() -> None:
    world = World()
    scene = world.scene("test", 7)
    assert (SOURCE.image("test", 7) == world.render(scene)).all()
    complete = WorldSource(labels_per_image=None, wrong_labels=0.0).labels("test", 7)
    assert tuple(sorted(complete)) == world.scene_labels(scene)
    assert SOURCE.scene("test", 7) is SOURCE.scene("test", 7)  # composed once
    assert SOURCE.digest == world.digest


def test_alt_texts_are_english_as_often_as_asked() -> None:
    rng = np.random.default_rng(0)
    only_english = WorldSource(english=1.0)
    texts = [only_english.alt_text("train", i, rng) for i in range(50)]
    assert all(text.isascii() for text in texts)
    mixed = WorldSource(english=0.0)
    assert sum(not mixed.alt_text("train", i, rng).isascii() for i in range(50)) > 20


def test_every_language_is_offered() -> None:
    assert SOURCE.languages == LANGUAGES and len(SOURCE.languages) == 36
    assert len(list(SOURCE.sentences(0, 16, 20))) == 20


def test_held_out_text_has_its_own_seed() -> None:
    held_out = list(SOURCE.held_out(16, 300))
    assert held_out == list(SOURCE.held_out(16, 300))
    for seed in (0, 2**32 - 1):  # the first and the last that an experiment may have
        assert held_out[:20] != list(SOURCE.sentences(seed, 16, 20))
