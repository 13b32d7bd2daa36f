"""Receipts: a shop, a date, items with prices, tax and total."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.lexicon import CURRENCIES, Lexicon, amount, owner
from pali3kit.data.pages.look import Look, sample_look
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.world.chance import Draw, pick
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.questions import Question

_SHOPS = ("Shop", "Market", "Cafe", "Store", "Bakery", "Books", "Toys", "Bar")
_TOTALS = ("Total", "TOTAL", "Sum", "To pay")
_DESKS: tuple[RGB, ...] = ((150, 120, 90), (90, 96, 110), (120, 140, 120), (60, 60, 64), (190, 180, 160))


@dataclass(frozen=True, slots=True)
class _Receipt:
    """Items are `(name, cents)`; the tax, if printed, is included in the total."""

    shop: str
    date: str
    items: tuple[tuple[str, int], ...]
    tax: int | None
    total_label: str
    currency: str
    number: int | None
    layout: tuple[int, ...]  # width, where the shop stands, rule, currency at each price, order of date and number
    look: Look
    desk: RGB

    @property
    def total(self) -> int:
        """In cents."""
        return sum(cents for _, cents in self.items)

    def price(self, cents: int) -> str:
        """An item's price as it is printed."""
        return (self.currency if self.layout[3] else "") + amount(cents)


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Receipt:
    count = (3 if size >= 128 else 2) + int(draw() * 3) - (size < 128 and draw() < 0.5)
    names = lexicon.names(draw, count, 2 + (draw() < 0.3))
    while True:
        prices = lexicon.distinct(lambda: lexicon.cents(draw, 50, 1999), count)
        if owner(amount(sum(prices))) == lexicon.split:
            break
    few = count < 5 and size >= 128
    return _Receipt(
        shop=f"{lexicon.name(draw)} {pick(_SHOPS, draw)}",
        date=lexicon.date(draw, int(draw() * 3)),
        items=tuple(zip(names, prices, strict=True)),
        tax=lexicon.cents(draw, 10, 99) if few and draw() < 0.6 else None,
        total_label=pick(_TOTALS, draw),
        currency=pick(CURRENCIES, draw),
        number=lexicon.number(draw, 1000, 9999) if count < 4 and size >= 128 and draw() < 0.6 else None,
        layout=lexicon.layout(draw, 3, 2, 3, 2, 2),
        look=sample_look(draw, ("mono", "mono", "sans", "serif")),
        desk=pick(_DESKS, draw),
    )


def _draw(facts: _Receipt, canvas: Canvas) -> None:
    look, em = facts.look, canvas.em
    canvas.fill((0, 0, canvas.size, canvas.size), facts.desk)
    side = canvas.px((4, 10, 16)[facts.layout[0]])
    x0, x1 = side + canvas.px(4), canvas.size - side - canvas.px(4)
    lines = _lines(facts)
    pitch = min((canvas.size - canvas.px(10)) // len(lines), em + canvas.px(6))
    tall = pitch * len(lines) + canvas.px(6)
    top = (canvas.size - tall) // 2
    canvas.fill((top, side, top + tall, canvas.size - side), look.paper)
    for number, (left, right, bold) in enumerate(lines):
        y = top + canvas.px(3) + number * pitch + (pitch - em) // 2
        face = "bold" if bold else look.face
        if right:
            priced = canvas.size if not left else x1 - x0
            start = x1 if not left else x0
            edge = canvas.text(left, y, start, face=face, ink=look.ink, width=priced * 3 // 5)[3] if left else x0
            canvas.text(right, y, x1, face=face, ink=look.ink, align="right", width=x1 - edge - canvas.px(3))
        else:
            align = "middle" if facts.layout[1] or not number else "left"
            x = canvas.size // 2 if align == "middle" else x0
            canvas.text(left, y, x, face=face, ink=look.ink, align=align, width=x1 - x0)
        if left == facts.total_label:
            _rule(facts, canvas, y - canvas.px(1.5), x0, x1)
    canvas.grain(look.grain)


def _lines(facts: _Receipt) -> list[tuple[str, str, bool]]:
    """The printed lines: what stands left, what stands right, and whether they are bold."""
    head = [(facts.date, "", False)]
    if facts.number is not None:
        head.insert(facts.layout[4], ("No.", str(facts.number), False))
    items = [(name, facts.price(cents), False) for name, cents in facts.items]
    tax = [] if facts.tax is None else [("Tax", facts.price(facts.tax), False)]
    return [
        (facts.shop, "", True),
        *head,
        *items,
        *tax,
        (facts.total_label, facts.currency + amount(facts.total), True),
    ]


def _rule(facts: _Receipt, canvas: Canvas, y: int, x0: int, x1: int) -> None:
    """The rule above the total: full, dashed or none."""
    if facts.layout[2] < 2:
        canvas.rule(y, x0, x1, facts.look.ink, dash=canvas.px(2) * facts.layout[2])


def _questions(facts: _Receipt, draw: Draw) -> list[Question]:
    total, items = facts.currency + amount(facts.total), facts.items
    name, cents = pick(items, draw)
    most, least = max(items, key=lambda item: item[1]), min(items, key=lambda item: item[1])
    asked = [
        ask(pick(("what is the total?", "how much is to pay?", "what is the total amount?"), draw), total, "text",
            amount(facts.total)),
        ask(pick(("what is the date?", "when was this bought?", "what date is printed?"), draw), facts.date, "text"),
        ask(pick(("what is the shop called?", "which shop is this receipt from?"), draw), facts.shop, "text"),
        ask(f"which item costs {facts.price(cents)}?", name, "text"),
        ask(pick(("which item is the most expensive?", "what costs the most?"), draw), most[0], "choice"),
        ask(pick(("which item is the cheapest?", "what costs the least?"), draw), least[0], "choice"),
        ask("how many items were bought?", str(len(items)), "number"),
    ]  # fmt: skip
    ways = (f"what does {name} cost?", f"what is the price of {name}?", f"how much is {name}?")
    asked.append(ask(pick(ways, draw), facts.price(cents), "text", amount(cents)))
    if facts.tax is not None:
        asked.append(ask(pick(("what is the tax?", "how much tax is included?"), draw), facts.price(facts.tax), "text",
                         amount(facts.tax)))  # fmt: skip
    if facts.number is not None:
        asked.append(ask("what is the number of the receipt?", str(facts.number), "text"))
    return asked


def _captions(facts: _Receipt, draw: Draw) -> list[str]:
    name, cents = pick(facts.items, draw)
    total = facts.currency + amount(facts.total)
    return [
        f"a receipt from {facts.shop} over {total}",
        f"a receipt of {facts.date} with {len(facts.items)} items, {name} for {facts.price(cents)}",
    ]


RECEIPT = PageKind("receipt", "receipts with items, prices, tax and total", _sample, _draw, _questions, _captions)
