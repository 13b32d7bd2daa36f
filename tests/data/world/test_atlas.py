from __future__ import annotations

import numpy as np
import pytest

from pali3kit.data.world import atlas, names
from pali3kit.errors import DataError

CAT = "\U0001f408"


@pytest.mark.parametrize("artist", atlas.ARTISTS)
def test_every_picture_is_drawn_and_premultiplied(artist):
    for one in [*names.emoji()[::40], *(toned for toned, _ in names.toned()[::7])]:
        sprite = atlas.sprite(one, artist).astype(int)
        assert sprite.shape == (48, 48, 4)
        assert (sprite[..., 3] >= atlas.OPAQUE).any()
        assert (sprite[..., :3] <= sprite[..., 3:] + 2).all()  # the palette rounds


def test_artists_differ():
    assert (atlas.sprite(CAT, "noto") != atlas.sprite(CAT, "twemoji")).any()


@pytest.mark.parametrize("size", [18, 30, 48, 100])
def test_sized_has_its_longer_side_and_touches_all_edges(size):
    picture = atlas.sized(CAT, "noto", size)
    assert max(picture.shape[:2]) == size
    alpha = picture[..., 3] > 0
    assert alpha[0].any() and alpha[-1].any() and alpha[:, 0].any() and alpha[:, -1].any()


def test_skin_tones_grow_darker():
    hand = [one for one, base in names.toned() if base == names.toned()[0][1]]
    light = [atlas.sprite(one, "noto")[..., :3].sum() for one in hand]
    assert light == sorted(light, reverse=True)


def test_printed_words_grow_with_their_letters():
    assert atlas.printed("bako", 9).shape == (9, 4 * 6 + 3)
    assert (atlas.printed("bako", 9) != atlas.printed("dako", 9)).any()
    assert (atlas.printed("baba", 9)[:, :13] == atlas.printed("baba", 9)[:, 14:]).all()


@pytest.mark.parametrize("diameter", [7, 20, 33])
def test_disc_has_the_area_of_a_circle_and_its_symmetry(diameter):
    disc = atlas.disc(diameter)
    assert disc.sum() / 255 == pytest.approx(np.pi * diameter**2 / 4, rel=0.02)
    assert (disc == disc.T).all() and (disc == disc[::-1]).all()


def test_digits_are_all_there():
    images, labels = atlas.digits()
    assert images.shape == (1797, 8, 8) and images.max() == 16
    assert np.bincount(labels).min() > 170


def test_unknown_artist():
    with pytest.raises(DataError, match=r"no artist 'notto'.*Did you mean 'noto'"):
        atlas.sprite(CAT, "notto")
