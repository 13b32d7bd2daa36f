"""Street signs in five scripts."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import BLACK, WHITE, Canvas
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.pages.scripts import SCRIPTS
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.palette import BACKGROUNDS, RGB, TILES
from pali3kit.data.world.questions import Question
from pali3kit.data.world.scene import Box

_LIGHT = ("yellow", "orange", "white")
_SHAPES = ("plate", "arrow", "round")


@dataclass(frozen=True, slots=True)
class _Plate:
    """One sign: its colour's name, its word and script, and how it looks."""

    colour: str
    word: str
    script: str
    rounded: bool
    framed: bool


@dataclass(frozen=True, slots=True)
class _Signs:
    """Signs from top to bottom; each colour occurs once."""

    plates: tuple[_Plate, ...]
    background: str
    sides: tuple[int, ...]  # where each stands: 0 left, 1 middle, 2 right
    layout: tuple[int, ...]
    grain: int


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Signs:
    count = 1 + int(draw() * 3)
    background = pick(tuple(BACKGROUNDS), draw)
    colours = shuffled([colour for colour in TILES if colour != background], draw)[:count]
    layout = lexicon.layout(draw, 3, 3, 3, 2, 2)
    plates = []
    for colour in colours:
        script = pick(SCRIPTS, draw)
        word = lexicon.foreign(draw, script, 3 + int(draw() * 3))
        plates.append(_Plate(colour, word, script, bool(layout[3]), bool(layout[4])))
    return _Signs(tuple(plates), background, layout[:count], layout, int(draw() * 8))


def _draw(facts: _Signs, canvas: Canvas) -> None:
    canvas.fill((0, 0, canvas.size, canvas.size), BACKGROUNDS[facts.background])
    row = canvas.size // len(facts.plates)
    high = min(row - canvas.px(8), canvas.px(44))
    for number, (plate, side) in enumerate(zip(facts.plates, facts.sides, strict=True)):
        top = number * row + (row - high) // 2
        wide = canvas.px(94)
        left = canvas.px(4) + (canvas.size - canvas.px(8) - wide) * side // 2
        _plate(canvas, plate, (top, left, top + high, left + wide))
    canvas.grain(facts.grain)


def _plate(canvas: Canvas, plate: _Plate, box: Box) -> None:
    y0, x0, y1, x1 = box
    ink: RGB = BLACK if plate.colour in _LIGHT else WHITE
    canvas.fill(box, TILES[plate.colour], canvas.px(6) if plate.rounded else 0)
    if plate.framed:
        inset = canvas.px(2)
        canvas.frame((y0 + inset, x0 + inset, y1 - inset, x1 - inset), ink, canvas.px(1))
    em = (y1 - y0) * 6 // 10
    room = x1 - x0 - canvas.px(10)
    canvas.text(plate.word, (y0 + y1 - em) // 2, (x0 + x1) // 2, em, ink=ink, align="middle", width=room)


def _questions(facts: _Signs, draw: Draw) -> list[Question]:
    asked = [
        ask(pick((f"what does the {plate.colour} sign say?", f"what is written on the {plate.colour} sign?"), draw),
            plate.word, "text")
        for plate in facts.plates
    ]  # fmt: skip
    asked.append(ask("how many signs are there?", str(len(facts.plates)), "number"))
    return asked


def _captions(facts: _Signs, draw: Draw) -> list[str]:
    return [f"a {plate.colour} sign that says {plate.word}" for plate in facts.plates]


SIGN = PageKind("sign", "street signs in five scripts", _sample, _draw, _questions, _captions)
