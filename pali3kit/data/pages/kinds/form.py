"""Forms: labelled fields that are filled in, and boxes that are ticked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.lexicon import CURRENCIES, Lexicon, amount
from pali3kit.data.pages.look import Look, sample_look
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.pages.typeface import text_width
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.questions import Question

_TITLES = (
    "Order form", "Application", "Membership", "Registration", "Delivery note", "Visitor card", "Insurance claim",
    "Travel permit", "Lost property", "Library card", "Repair order", "Tax return",
)  # fmt: skip
_TICKS: dict[str, tuple[str, ...]] = {
    "Size": ("tiny", "mid", "big"), "Member": ("yes", "no"), "Pay by": ("cash", "card", "bank"),
    "Send by": ("post", "van", "air"), "Contact": ("phone", "mail"), "Seat": ("aisle", "window"),
    "Class": ("first", "second"),
}  # fmt: skip


def _code(lexicon: Lexicon, draw: Draw) -> str:
    letter = chr(ord("A") + int(draw() * 26))
    return lexicon.own(lambda: f"{letter}-{int(draw() * 900) + 100}")


def _price(lexicon: Lexicon, draw: Draw) -> str:
    return pick(CURRENCIES, draw) + amount(lexicon.cents(draw, 100, 9999))


_FIELDS: dict[str, Callable[[Lexicon, Draw], str]] = {
    "Name": lambda lexicon, draw: lexicon.full_name(draw),
    "Signed": lambda lexicon, draw: lexicon.full_name(draw),
    "Clerk": lambda lexicon, draw: lexicon.name(draw),
    "Company": lambda lexicon, draw: f"{lexicon.name(draw)} {pick(('Ltd', 'Inc', 'AG'), draw)}",
    "City": lambda lexicon, draw: lexicon.name(draw, 3),
    "Country": lambda lexicon, draw: lexicon.name(draw, 3),
    "Street": lambda lexicon, draw: f"{lexicon.number(draw, 10, 99)} {lexicon.name(draw)} {pick(('St', 'Rd'), draw)}",
    "Date": lambda lexicon, draw: lexicon.date(draw, int(draw() * 3)),
    "Born": lambda lexicon, draw: lexicon.date(draw, int(draw() * 3)),
    "Phone": lambda lexicon, draw: lexicon.own(lambda: f"{int(draw() * 900) + 100}-{int(draw() * 900) + 100}"),
    "Age": lambda lexicon, draw: str(lexicon.number(draw, 18, 99)),
    "Room": lambda lexicon, draw: str(lexicon.number(draw, 100, 999)),
    "Code": _code,
    "Number": _code,
    "Amount": _price,
    "Fee": _price,
    "Product": lambda lexicon, draw: lexicon.name(draw),
}


@dataclass(frozen=True, slots=True)
class _Form:
    """Fields are `(label, value)` in reading order; `ticks` is a label, its options and which of them is ticked."""

    title: str
    fields: tuple[tuple[str, str], ...]
    ticks: tuple[str, tuple[str, ...], int] | None
    layout: tuple[int, ...]  # heading, fields (0 rows, 1 dotted rows, 2 lined table, 3 boxes), colon
    look: Look


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Form:
    layout = lexicon.layout(draw, 4, 4, 2)
    rows = 5 if size >= 128 else 3
    ticked = draw() < 0.6
    count = (rows - 1 if layout[1] == 3 and rows == 5 else rows) + (0 if ticked else 1) - int(draw() * 2)
    labels = shuffled(list(_FIELDS), draw)[:count]
    fields = tuple((label, _FIELDS[label](lexicon, draw)) for label in labels)
    ticks = None
    if ticked:
        label = pick(tuple(_TICKS)[: 7 if size >= 128 else 2], draw)
        options = tuple(shuffled(_TICKS[label], draw)[: 3 if size >= 128 else 2])
        ticks = label, options, int(draw() * len(options))
    return _Form(pick(_TITLES, draw), fields, ticks, layout, sample_look(draw))


def _draw(facts: _Form, canvas: Canvas) -> None:
    look, em = facts.look, canvas.em
    look.start(canvas)
    y = look.heading(canvas, facts.title, facts.layout[0], em + canvas.px(2))
    bottom = canvas.size - (em + canvas.px(7) if facts.ticks else canvas.px(2))
    if facts.layout[1] == 3:
        _boxes(facts, canvas, y, bottom)
    else:
        _rows(facts, canvas, y, bottom)
    if facts.ticks:
        _ticks(facts, canvas, bottom + canvas.px(3))
    canvas.grain(look.grain)


def _rows(facts: _Form, canvas: Canvas, y: int, bottom: int) -> None:
    """One field a row: label and value side by side."""
    em, look, style = canvas.em, facts.look, facts.layout[1]
    margin, right = canvas.px(4), canvas.size - canvas.px(4)
    pitch = min((bottom - y) // len(facts.fields), em + canvas.px(12))
    colon = ":" if facts.layout[2] else ""
    column = margin + max(text_width(label + colon, em) for label, _ in facts.fields) + canvas.px(5)
    for number, (label, value) in enumerate(facts.fields):
        top = y + number * pitch
        line = top + (pitch - em) // 2
        canvas.text(label + colon, line, margin + canvas.px(1), ink=look.accent)
        canvas.text(
            value, line, column + canvas.px(1), face=look.face, ink=look.ink, width=right - column - canvas.px(2)
        )
        if style == 1:
            canvas.rule(line + em, column, right, look.accent, dash=canvas.px(1))
        if style == 2:
            canvas.frame((top, margin - canvas.px(1), top + pitch + 1, right), look.ink)
            canvas.fill((top, column - canvas.px(2), top + pitch, column - canvas.px(2) + 1), look.ink)


def _boxes(facts: _Form, canvas: Canvas, y: int, bottom: int) -> None:
    """Two fields a row, the label above the value, each pair in a frame."""
    em, look, margin = canvas.em, facts.look, canvas.px(3)
    wide, rows = (canvas.size - 2 * margin) // 2, (len(facts.fields) + 1) // 2
    pitch = min((bottom - y) // rows, 2 * em + canvas.px(16))
    for number, (label, value) in enumerate(facts.fields):
        top, left = y + number // 2 * pitch, margin + number % 2 * wide
        last = number == len(facts.fields) - 1 and number % 2 == 0
        canvas.frame((top, left, top + pitch + 1, left + wide * (1 + last) + 1), look.ink)
        inset, room = left + canvas.px(2), wide - canvas.px(4)
        canvas.text(label, top + canvas.px(2), inset, ink=look.accent, width=room)
        canvas.text(value, top + pitch - em - canvas.px(1), inset, face=look.face, ink=look.ink, width=room)


def _ticks(facts: _Form, canvas: Canvas, y: int) -> None:
    """A row of boxes, one of which is ticked."""
    assert facts.ticks
    label, options, ticked = facts.ticks
    em, look = canvas.em, facts.look
    x = canvas.text(label, y, canvas.px(4), ink=look.accent)[3] + canvas.px(4)
    side, gap = em - canvas.px(1), canvas.px(2)
    room = (canvas.size - canvas.px(2) - x) // len(options)
    for number, option in enumerate(options):
        left = x + number * room
        canvas.frame((y, left, y + side, left + side), look.ink, canvas.px(0.7))
        if number == ticked:
            inset = canvas.px(2)
            canvas.fill((y + inset, left + inset, y + side - inset, left + side - inset), look.ink)
        canvas.text(option, y, left + side + gap, ink=look.ink, width=room - side - 2 * gap)


def _questions(facts: _Form, draw: Draw) -> list[Question]:
    asked = []
    for label, value in facts.fields:
        name = label.lower()
        ways = (f"what is the {name}?", f"what is written in the field {name}?", f"what {name} does the form give?")
        asked.append(ask(pick(ways, draw), value, "text"))
    label, value = pick(facts.fields, draw)
    asked.append(ask(f"which field says {value}?", label, "choice", label.lower()))
    asked.append(ask(pick(("what is the title of the form?", "what form is this?"), draw), facts.title, "choice"))
    if facts.ticks:
        label, options, ticked = facts.ticks
        name = label.lower()
        text = pick((f"which box is ticked at {name}?", f"what is ticked for {name}?"), draw)
        asked.append(ask(text, options[ticked], "choice"))
        others = [option for number, option in enumerate(options) if number != ticked]
        yes = draw() < 0.5
        option = options[ticked] if yes else pick(others, draw)
        asked.append(ask(f"is the box {option} ticked?", "yes" if yes else "no", "yes/no"))
    return asked


def _captions(facts: _Form, draw: Draw) -> list[str]:
    label, value = pick(facts.fields, draw)
    return [
        f"a form with the title {facts.title}, {label.lower()} {value}",
        f"a filled-in form, {facts.title}, with {len(facts.fields)} fields",
    ]


FORM = PageKind("form", "forms with labelled fields and tick boxes", _sample, _draw, _questions, _captions)
