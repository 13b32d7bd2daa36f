"""Street signs in five scripts."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import BLACK, GREY, WHITE, Canvas
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.pages.scripts import SCRIPTS
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.palette import BACKGROUNDS, RGB, TILES
from pali3kit.data.world.questions import Question
from pali3kit.data.world.scene import Box

_LIGHT = ("yellow", "orange", "white")
_GROUNDS: tuple[RGB, ...] = ((112, 108, 104), (96, 132, 84), (160, 140, 110), (190, 188, 184))
_NAMES = {"latin": "Latin", "greek": "Greek", "cyrillic": "Cyrillic", "hebrew": "Hebrew", "arabic": "Arabic"}


@dataclass(frozen=True, slots=True)
class _Plate:
    """One sign: its colour's name, its word as printed, the script, and the distance in kilometres below it, if any."""

    colour: str
    word: str
    script: str
    distance: int | None


@dataclass(frozen=True, slots=True)
class _Signs:
    """Signs from top to bottom; each colour occurs once."""

    plates: tuple[_Plate, ...]
    background: str
    ground: RGB
    layout: tuple[int, ...]  # the side of each of three signs, the shape (0 square, 1 round corners, 2 arrow), frame
    face: str
    jitter: tuple[float, ...]  # shares of the free space left of a sign
    grain: int


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Signs:
    count = 1 + int(draw() * 3)
    background = pick(tuple(BACKGROUNDS), draw)
    colours = shuffled([colour for colour in TILES if colour != background], draw)[:count]
    plates = []
    for colour in colours:
        script = pick(SCRIPTS, draw)
        word = lexicon.foreign(draw, script, 3 + int(draw() * 3))
        upper = script in ("latin", "greek", "cyrillic") and draw() < 0.4
        distance = lexicon.number(draw, 10, 999) if draw() < 0.3 and size >= 128 else None
        plates.append(_Plate(colour, word.upper() if upper else word, script, distance))
    return _Signs(
        plates=tuple(plates),
        background=background,
        ground=pick(_GROUNDS, draw),
        layout=lexicon.layout(draw, 3, 3, 3, 3, 2),
        face=pick(("sans", "bold", "serif"), draw),
        jitter=tuple(round(draw(), 3) for _ in plates),
        grain=int(draw() * 8),
    )


def _draw(facts: _Signs, canvas: Canvas) -> None:
    size = canvas.size
    canvas.fill((0, 0, size, size), BACKGROUNDS[facts.background])
    canvas.fill((size - canvas.px(14), 0, size, size), facts.ground)
    row = (size - canvas.px(8)) // len(facts.plates)
    high = min(row - canvas.px(6), canvas.px(42))
    for number, (plate, jitter) in enumerate(zip(facts.plates, facts.jitter, strict=True)):
        wide = canvas.px(84) - canvas.px(16) * (len(plate.word) < 5)
        free = size - canvas.px(17 if facts.layout[3] == 2 else 8) - wide
        left = canvas.px(4) + (facts.layout[number] * 2 * free + round(jitter * free)) // 5
        top = canvas.px(3) + number * row + (row - high) // 2
        pole = left + wide // 2
        canvas.fill((top, pole - canvas.px(2), size - canvas.px(6), pole + canvas.px(1)), GREY)
        _plate(facts, canvas, plate, (top, left, top + high, left + wide))
    canvas.grain(facts.grain)


def _plate(facts: _Signs, canvas: Canvas, plate: _Plate, box: Box) -> None:
    """The plate of a sign, with the word in the middle and the distance below it."""
    y0, x0, y1, x1 = box
    shape, ink = facts.layout[3], BLACK if plate.colour in _LIGHT else WHITE
    canvas.fill(box, TILES[plate.colour], canvas.px(6) if shape == 1 else 0)
    point = canvas.px(9)
    for column in range(point if shape == 2 else 0):  # the point of an arrow
        half = (y1 - y0) * (point - column) // (2 * point)
        canvas.fill(((y0 + y1) // 2 - half, x1 + column, (y0 + y1) // 2 + half, x1 + column + 1), TILES[plate.colour])
    if facts.layout[4]:
        inset = canvas.px(2)
        canvas.frame((y0 + inset, x0 + inset, y1 - inset, x1 - inset), ink, canvas.px(1))
    tall, room, middle = y1 - y0 - canvas.px(8), x1 - x0 - canvas.px(10), (x0 + x1) // 2
    if plate.distance is None:
        em = min(tall, canvas.px(22))
        canvas.text(plate.word, (y0 + y1 - em) // 2, middle, em, face=facts.face, ink=ink, align="middle", width=room)
    else:
        em = max(canvas.em, min(tall // 2, canvas.px(15)))
        for line, text in enumerate((plate.word, f"{plate.distance} km")):
            y = (y0 + y1) // 2 - em + line * em
            canvas.text(text, y, middle, em, face=facts.face, ink=ink, align="middle", width=room)


def _questions(facts: _Signs, draw: Draw) -> list[Question]:
    asked = [ask("how many signs are there?", str(len(facts.plates)), "number")]
    for plate in facts.plates:
        colour = plate.colour
        ways = (f"what does the {colour} sign say?", f"what is written on the {colour} sign?")
        asked.append(ask(pick(ways, draw), plate.word, "text"))
        asked.append(ask(f"in which script is the {colour} sign?", _NAMES[plate.script], "choice"))
        asked.append(ask(f"which colour is the sign that says {plate.word}?", colour, "choice"))
        if plate.distance is not None:
            asked.append(ask(f"how many kilometres are on the {colour} sign?", str(plate.distance), "text"))
    return asked


def _captions(facts: _Signs, draw: Draw) -> list[str]:
    plate = pick(facts.plates, draw)
    said = ", ".join(f"a {plate.colour} sign that says {plate.word}" for plate in facts.plates)
    return [said, f"a {plate.colour} sign in {_NAMES[plate.script]} letters"]


SIGN = PageKind("sign", "street signs in five scripts", _sample, _draw, _questions, _captions)
