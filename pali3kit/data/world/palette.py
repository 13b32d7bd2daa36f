"""Colour names of the embedded world and their RGB values.

Nine names, all of which are also names of Unicode's coloured circles: eight for discs under things (`TILES`), three for
the plates of signs (`PLATES`), and eight, in light or middle tones, for backgrounds (`BACKGROUNDS`).
"""

from __future__ import annotations

RGB = tuple[int, int, int]

TILES: dict[str, RGB] = {
    "red": (214, 38, 38),
    "orange": (242, 132, 22),
    "yellow": (250, 216, 40),
    "green": (36, 150, 60),
    "blue": (34, 88, 214),
    "purple": (132, 46, 178),
    "black": (28, 28, 30),
    "white": (250, 250, 250),
}
PLATES: dict[str, RGB] = {name: TILES[name] for name in ("yellow", "orange", "white")}  # light, for INK
BACKGROUNDS: dict[str, RGB] = {
    "red": (222, 142, 134),
    "orange": (240, 176, 116),
    "yellow": (238, 228, 150),
    "green": (158, 204, 150),
    "blue": (150, 190, 228),
    "purple": (196, 168, 222),
    "brown": (170, 140, 106),
    "white": (234, 234, 232),
}
COLOURS: tuple[str, ...] = ("red", "orange", "yellow", "green", "blue", "purple", "brown", "black", "white")
INK: RGB = (20, 20, 24)
TEXTURES: tuple[str, ...] = ("plain", "grain", "stripes", "bars", "diagonals", "checks", "dots", "clouds")
