from __future__ import annotations

from pali3kit.data.world.palette import BACKGROUNDS, COLOURS, INK, PLATES, TILES


def test_all_colour_names_are_listed_once():
    assert set(TILES) | set(PLATES) | set(BACKGROUNDS) == set(COLOURS)
    assert len(COLOURS) == len(set(COLOURS)) == 9


def test_ink_stands_out_from_every_plate():
    for name, plate in PLATES.items():
        light = [0.3 * red + 0.59 * green + 0.11 * blue for red, green, blue in (plate, INK)]
        assert abs(light[0] - light[1]) > 100, name


def test_colours_of_one_use_are_far_apart():
    for colours in (TILES, BACKGROUNDS):
        values = list(colours.values())
        for position, one in enumerate(values):
            assert all(sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 60 for other in values[:position])
