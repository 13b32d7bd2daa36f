from __future__ import annotations

import pytest

from pali3kit.data.world import atlas, names
from pali3kit.errors import DataError

CAT = "\U0001f408"


@pytest.mark.parametrize("artist", atlas.ARTISTS)
def test_every_image_is_drawn_and_premultiplied(artist):
    for one in [*names.emoji()[::40], *(toned for toned, _ in names.skin_toned()[::7])]:
        sprite = atlas.sprite(one, artist).astype(int)
        assert sprite.shape == (48, 48, 4)
        assert (sprite[..., 3] >= atlas.OPAQUE).any()
        assert (sprite[..., :3] <= sprite[..., 3:] + 2).all()  # the palette rounds


def test_artists_differ():
    assert (atlas.sprite(CAT, "noto") != atlas.sprite(CAT, "twemoji")).any()


@pytest.mark.parametrize("size", [18, 30, 48, 100])
def test_scaled_sprites_have_their_longer_side_and_touch_all_edges(size):
    image = atlas.scaled_sprite(CAT, "noto", size)
    assert max(image.shape[:2]) == size
    alpha = image[..., 3] > 0
    assert alpha[0].any() and alpha[-1].any() and alpha[:, 0].any() and alpha[:, -1].any()


def test_skin_tones_grow_darker():
    hand = [one for one, base in names.skin_toned() if base == names.skin_toned()[0][1]]
    light = [atlas.sprite(one, "noto")[..., :3].sum() for one in hand]
    assert light == sorted(light, reverse=True)


def test_printed_words_grow_with_their_letters():
    assert atlas.printed_word("bako", 9).shape == (9, 4 * 6 + 3)
    assert (atlas.printed_word("bako", 9) != atlas.printed_word("dako", 9)).any()
    assert (atlas.printed_word("baba", 9)[:, :13] == atlas.printed_word("baba", 9)[:, 14:]).all()


def test_unknown_artist():
    with pytest.raises(DataError, match=r"no artist 'notto'.*Did you mean 'noto'"):
        atlas.sprite(CAT, "notto")
