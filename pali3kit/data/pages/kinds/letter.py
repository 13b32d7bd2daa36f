"""Short letters: who writes to whom, when, and what is ordered, announced or returned."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.lexicon import CURRENCIES, Lexicon, amount
from pali3kit.data.pages.look import Look, sample_look
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.pages.typeface import text_width
from pali3kit.data.world.chance import Draw, pick
from pali3kit.data.world.questions import Question

_BODIES = (
    "we have sent {count} {things} to {place}. The price is {price}.",
    "please send {count} {things} to {place}. We pay {price}.",
    "the {count} {things} from {place} have arrived. They cost {price}.",
    "I can sell {count} {things} in {place}. I ask {price} for them.",
)
_THINGS = ("lamps", "books", "chairs", "apples", "boxes", "plates", "hats", "clocks", "maps", "keys", "rugs", "cups")
_GREETINGS = ("Dear", "Hello", "To")
_CLOSINGS = ("Yours,", "Regards,", "Thanks,")


@dataclass(frozen=True, slots=True)
class _Letter:
    """The body is a template with what it says."""

    sender: str
    receiver: str
    date: str
    body: str
    count: int
    things: str
    place: str
    price: str
    greeting: str
    closing: str
    company: str | None
    layout: tuple[int, ...]  # where the date stands, where the signature stands, rule, margin
    look: Look

    @property
    def text(self) -> str:
        """The body with what it says."""
        return self.body.format(count=self.count, things=self.things, place=self.place, price=self.price)


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Letter:
    sender, receiver, place = lexicon.names(draw, 3)
    return _Letter(
        sender=f"{sender} {lexicon.name(draw)}" if size >= 128 else sender,
        receiver=receiver,
        date=lexicon.date(draw, int(draw() * 4)),
        body=pick(_BODIES, draw),
        count=lexicon.number(draw, 10, 99),
        things=pick(_THINGS, draw),
        place=place,
        price=pick(CURRENCIES, draw) + amount(lexicon.cents(draw, 100, 99999)),
        greeting=pick(_GREETINGS, draw),
        closing=pick(_CLOSINGS, draw),
        company=f"{lexicon.name(draw)} {pick(('Ltd', 'Inc', 'AG'), draw)}" if size >= 128 and draw() < 0.6 else None,
        layout=lexicon.layout(draw, 3, 3, 2, 2),
        look=sample_look(draw, ("serif", "serif", "mono", "sans")),
    )


def _draw(facts: _Letter, canvas: Canvas) -> None:
    look, em = facts.look, canvas.em
    look.start(canvas)
    margin = canvas.px((4, 8)[facts.layout[3] if canvas.size >= 128 else 0])
    right, y = canvas.size - margin, canvas.px(3)
    if facts.company:
        canvas.text(facts.company, y, margin, em + canvas.px(2), face="bold", ink=look.accent)
        y += em + canvas.px(4)
        if facts.layout[2]:
            canvas.rule(y, margin, right, look.accent)
            y += canvas.px(3)
    lines = _lines(facts, em, right - margin)
    for larger in range(em + 1, em + canvas.px(4)):
        if _pitch(wrapped := _lines(facts, larger, right - margin), y, canvas) > larger + canvas.px(1):
            lines, em = wrapped, larger
    pitch = min(_pitch(lines, y, canvas), em * 3 // 2)
    for number, (text, place) in enumerate(lines):
        x, align = ((margin, "left"), (canvas.size // 2, "middle"), (right, "right"))[place]
        canvas.text(text, y + number * pitch, x, em, face=look.face, ink=look.ink, align=align, width=right - margin)
    canvas.grain(look.grain)


def _lines(facts: _Letter, em: int, width: int) -> list[tuple[str, int]]:
    """The lines below the company, and where each stands: 0 left, 1 middle, 2 right."""
    body = [(line, 0) for line in _wrapped(facts.text, em, facts.look.face, width)]
    date, end = facts.layout[:2]
    opening = [(facts.date, date), (f"{facts.greeting} {facts.receiver},", 0)]
    return [*opening, *body, (facts.closing, end), (facts.sender, end)]


def _pitch(lines: list[tuple[str, int]], y: int, canvas: Canvas) -> int:
    """The distance between the tops of lines that fill the page from row `y` on, pixels."""
    return (canvas.size - y - canvas.px(2)) // len(lines)


def _wrapped(text: str, em: int, face: str, width: int) -> list[str]:
    """The lines of a paragraph, each as long as fits."""
    lines: list[str] = []
    for word in text.split():
        if lines and text_width(f"{lines[-1]} {word}", em, face) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _questions(facts: _Letter, draw: Draw) -> list[Question]:
    asked = [
        ask(pick(("who wrote this letter?", "who signed the letter?"), draw), facts.sender, "text"),
        ask(pick(("to whom is the letter?", "who is the receiver of the letter?"), draw), facts.receiver, "text"),
        ask(pick(("what is the date of the letter?", "when was the letter written?"), draw), facts.date, "text"),
        ask(f"how many {facts.things} does the letter mention?", str(facts.count), "text"),
        ask(pick(("what is the price?", "which amount is in the letter?"), draw), facts.price, "text", facts.price[1:]),
        ask("which place does the letter mention?", facts.place, "text"),
        ask("what is the letter about?", facts.things, "choice"),
    ]  # fmt: skip
    if facts.company:
        asked.append(
            ask(pick(("which company is at the top?", "what is the letterhead?"), draw), facts.company, "text")
        )
    return asked


def _captions(facts: _Letter, draw: Draw) -> list[str]:
    return [
        f"a letter from {facts.sender} to {facts.receiver} about {facts.count} {facts.things}",
        pick((f"a letter of {facts.date} over {facts.price}", f"a letter that {facts.sender} signed"), draw),
    ]


LETTER = PageKind("letter", "short letters with names, dates and amounts", _sample, _draw, _questions, _captions)
