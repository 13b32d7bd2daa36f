"""Posters and infographics: a heading, and numbers with icons and names."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import BLACK, WHITE, Canvas
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.look import Look, sample_look
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.world import vocabulary
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.questions import Question
from pali3kit.data.world.scene import Box

_TOPICS: dict[str, tuple[str, ...]] = {
    "What we eat": ("🍎", "🍌", "🍕", "🥕", "🍇", "🍞", "🍒", "🍋"),
    "How we travel": ("🚗", "🚲", "🚌", "🚂", "🚢", "🚁", "🛴", "🚀"),
    "Our animals": ("🐶", "🐱", "🐴", "🐮", "🐷", "🐘", "🦁", "🐸"),
    "At the zoo": ("🐘", "🦁", "🐒", "🐧", "🐢", "🐍", "🦒", "🐫"),
    "What we play": ("⚽", "🏀", "🎾", "🎸", "🎹", "🎲", "🥁", "🎺"),
    "In the garden": ("🌻", "🌷", "🌵", "🍅", "🌹", "🐝", "🐌", "🍄"),
}
_UNITS = ("%", "km", "kg", "h", "")
_TINTS = ((255, 240, 214), (220, 238, 250), (226, 244, 222), (246, 226, 240), (252, 252, 250))


@dataclass(frozen=True, slots=True)
class _Fact:
    """One number of a poster with its icon, the icon's noun, and the printed name."""

    icon: str
    noun: str
    name: str
    number: int


@dataclass(frozen=True, slots=True)
class _Poster:
    """Numbers and names are all different."""

    heading: str
    facts: tuple[_Fact, ...]
    unit: str
    layout: tuple[int, ...]  # heading, arrangement (0 rows, 1 bars behind rows, 2 tiles), icon right, tint of tiles
    artist: str
    look: Look
    tint: tuple[int, int, int]

    def printed(self, fact: _Fact) -> str:
        """A fact's number with the unit, as it is printed."""
        return f"{fact.number}%" if self.unit == "%" else f"{fact.number} {self.unit}".strip()


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Poster:
    layout = lexicon.layout(draw, 4, 3, 2, 2)
    heading = pick(tuple(_TOPICS), draw)
    count = (4 if size >= 128 else 3) - (layout[1] != 2 and draw() < 0.4)
    icons = shuffled(_TOPICS[heading], draw)[:count]
    unit = pick(_UNITS, draw)
    numbers = lexicon.distinct(lambda: lexicon.number(draw, 10, 99 if unit == "%" else 999), count)
    names = lexicon.names(draw, count)
    facts = tuple(map(_Fact, icons, map(vocabulary.noun, icons), names, numbers))
    return _Poster(heading, facts, unit, layout, pick(("noto", "twemoji"), draw), sample_look(draw), pick(_TINTS, draw))


def _draw(facts: _Poster, canvas: Canvas) -> None:
    look, margin = facts.look, canvas.px(4)
    look.start(canvas)
    y = look.heading(canvas, facts.heading, facts.layout[0], canvas.em + canvas.px(4))
    columns = 2 if facts.layout[1] == 2 and len(facts.facts) > 2 else 1
    rows = -(-len(facts.facts) // columns)
    high, wide = (canvas.size - y - canvas.px(2)) // rows, (canvas.size - 2 * margin) // columns
    for number, fact in enumerate(facts.facts):
        top, left = y + number // columns * high, margin + number % columns * wide
        box = top, left + canvas.px(1), top + high - canvas.px(2), left + wide - canvas.px(1)
        if columns == 2:
            _tile(facts, canvas, fact, box)
        else:
            _row(facts, canvas, fact, box)
    canvas.grain(look.grain)


def _row(facts: _Poster, canvas: Canvas, fact: _Fact, box: Box) -> None:
    """Icon, name and large number beside each other, in one order or the other."""
    y0, x0, y1, x1 = box
    side, em = min(y1 - y0, canvas.px(26)), canvas.em
    if facts.layout[1] == 1:
        most = max(other.number for other in facts.facts)
        canvas.fill((y0, x0, y1, x0 + (x1 - x0) * fact.number // most), facts.tint, canvas.px(3))
    ink = BLACK if facts.layout[1] == 1 else facts.look.ink
    middle, large, gap = (y0 + y1) // 2, em + canvas.px(5), canvas.px(3)
    number, top = facts.printed(fact), (y0 + y1 - side) // 2
    if facts.layout[2]:
        canvas.icon(fact.icon, top, x1 - side, side, facts.artist)
        edge = canvas.text(number, middle - large // 2, x0 + gap, large, face="bold", ink=ink, width=canvas.px(54))[3]
        right = x1 - side - gap
        canvas.text(fact.name, middle - em // 2, right, em, ink=ink, align="right", width=right - edge - gap)
    else:
        canvas.icon(fact.icon, top, x0 + gap, side, facts.artist)
        left = x0 + side + 2 * gap
        edge = canvas.text(fact.name, middle - em // 2, left, em, ink=ink, width=canvas.px(36))[3]
        canvas.text(
            number, middle - large // 2, x1 - gap, large, face="bold", ink=ink, align="right", width=x1 - edge - 2 * gap
        )


def _tile(facts: _Poster, canvas: Canvas, fact: _Fact, box: Box) -> None:
    """A tile with icon and name beside each other, and the number below."""
    y0, x0, y1, x1 = box
    em, filled, pad = canvas.em, facts.layout[3], canvas.px(3)
    ink = WHITE if filled else BLACK
    canvas.fill(box, facts.look.accent if filled else facts.tint, canvas.px(4))
    large = em + canvas.px(5)
    side = min(y1 - y0 - large - 3 * pad, (x1 - x0) // 2 - pad)
    name, icon = (x0 + pad, x1 - pad - side) if facts.layout[2] else (x0 + 2 * pad + side, x0 + pad)
    room = x1 - x0 - 2 * pad
    canvas.icon(fact.icon, y0 + pad, icon, side, facts.artist)
    canvas.text(fact.name, y0 + pad + (side - em) // 2, name, em, ink=ink, width=room - side - pad)
    number, bottom = facts.printed(fact), y1 - large - canvas.px(2)
    canvas.text(number, bottom, (x0 + x1) // 2, large, face="bold", ink=ink, align="middle", width=room)


def _questions(facts: _Poster, draw: Draw) -> list[Question]:
    order = sorted(facts.facts, key=lambda fact: -fact.number)
    fact, other = shuffled(facts.facts, draw)[:2]
    printed, plain = facts.printed(fact), str(fact.number)
    yes = draw() < 0.5
    high, low = (fact, other) if (fact.number > other.number) == yes else (other, fact)
    third = pick(facts.facts, draw)
    return [
        ask(pick(("what is the heading?", "what is the poster about?"), draw), facts.heading, "choice"),
        ask(pick((f"what number does {fact.name} have?", f"how much is {fact.name}?"), draw), printed, "text", plain),
        ask(f"what number stands beside the {third.noun}?", facts.printed(third), "text", str(third.number)),
        ask(f"which name stands with the {other.noun}?", other.name, "text"),
        ask(f"who or what has {facts.printed(third)}?", third.name, "text"),
        ask(pick(("which has the highest number?", "which is the largest?"), draw), order[0].name, "choice"),
        ask(pick(("which has the lowest number?", "which is the smallest?"), draw), order[-1].name, "choice"),
        ask("which has the second highest number?", order[1].name, "choice"),
        ask(f"is {high.name} higher than {low.name}?", "yes" if yes else "no", "yes/no"),
        ask("how many numbers are shown?", str(len(order)), "number"),
    ]


def _captions(facts: _Poster, draw: Draw) -> list[str]:
    fact = pick(facts.facts, draw)
    nouns = ", ".join(other.noun for other in facts.facts)
    return [
        f"a poster, {facts.heading}, with {facts.printed(fact)} for {fact.name}",
        f"an infographic with {len(facts.facts)} numbers beside icons: {nouns}",
    ]


POSTER = PageKind("poster", "posters and infographics with icons", _sample, _draw, _questions, _captions)
