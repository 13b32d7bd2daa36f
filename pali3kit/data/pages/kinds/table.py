"""Tables: named rows and columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import WHITE, Canvas
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.look import Look, sample_look
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.questions import Question

_TITLES = ("Stock list", "Results", "Members", "Harvest", "Visitors", "Sales", "Deliveries", "Scores", "Hours", "Costs")
_COLUMNS = (
    "Sold", "Left", "Cost", "Size", "Age", "Year", "Rank", "Goals", "Hours", "Days", "Boxes", "Kilos", "Miles", "May",
    "June", "July", "North", "South", "East", "West",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Table:
    """`cells[row][column]`; the numbers of a column are different."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[tuple[int, ...], ...]
    layout: tuple[int, ...]  # heading, lines (0 grid, 1 horizontal, 2 stripes, 3 none), head filled, alignment
    look: Look

    def column(self, number: int) -> list[int]:
        """The numbers of a column, from top to bottom."""
        return [row[number] for row in self.cells]


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Table:
    rows, columns = (3 + int(draw() * 3), 2 + int(draw() * 2)) if size >= 128 else (3 + int(draw() * 2), 2)
    high = pick((99, 999), draw)
    numbers = [lexicon.distinct(lambda: lexicon.number(draw, 10, high), rows) for _ in range(columns)]
    return _Table(
        title=pick(_TITLES, draw),
        rows=lexicon.names(draw, rows),
        columns=tuple(shuffled(_COLUMNS, draw)[:columns]),
        cells=tuple(zip(*numbers, strict=True)),
        layout=lexicon.layout(draw, 4, 4, 2, 2),
        look=sample_look(draw),
    )


def _draw(facts: _Table, canvas: Canvas) -> None:
    look, em, margin = facts.look, canvas.em, canvas.px(4)
    look.start(canvas)
    y = look.heading(canvas, facts.title, facts.layout[0], em + canvas.px(3))
    pitch = min((canvas.size - y - canvas.px(3)) // (len(facts.rows) + 1), em + canvas.px(12))
    first = canvas.px(34 if canvas.size >= 128 else 44)
    wide = (canvas.size - 2 * margin - first) // len(facts.columns)
    if facts.layout[2]:
        canvas.fill((y, margin, y + pitch, canvas.size - margin), look.accent)
    lines = [("", facts.columns), *zip(facts.rows, [[str(cell) for cell in row] for row in facts.cells], strict=True)]
    for number, (head, cells) in enumerate(lines):
        top = y + number * pitch
        _background(facts, canvas, number, top, pitch)
        ink = WHITE if facts.layout[2] and not number else look.ink
        if head:
            canvas.text(head, top + (pitch - em) // 2, margin + canvas.px(2), ink=ink, width=first - canvas.px(3))
        for column, cell in enumerate(cells):
            left = margin + first + column * wide
            _cell(facts, canvas, cell, top + (pitch - em) // 2, left, wide, "bold" if not number else look.face, ink)
            if facts.layout[1] == 0:
                canvas.fill((top, left, top + pitch, left + 1), look.ink)
    canvas.grain(look.grain)


def _background(facts: _Table, canvas: Canvas, number: int, top: int, pitch: int) -> None:
    """The lines or the stripe of a row."""
    style, box = facts.layout[1], (top, canvas.px(4), top + pitch + 1, canvas.size - canvas.px(4))
    if style == 0:
        canvas.frame(box, facts.look.ink)
    elif style == 1:
        canvas.rule(top + pitch, box[1], box[3], facts.look.ink)
    elif style == 2 and number and number % 2 == 0:
        red, green, blue = (channel * 7 // 8 for channel in facts.look.paper)
        canvas.fill((top, box[1], top + pitch, box[3]), (red, green, blue))


def _cell(facts: _Table, canvas: Canvas, text: str, y: int, left: int, wide: int, face: str, ink: RGB) -> None:
    pad = canvas.px(3)
    x, align = (left + wide - pad, "right") if facts.layout[3] else (left + wide // 2, "middle")
    canvas.text(text, y, x, face=face, ink=ink, align=align, width=wide - pad)


def _questions(facts: _Table, draw: Draw) -> list[Question]:
    asked = [ask(pick(("what is the title of the table?", "what is the table about?"), draw), facts.title, "choice")]
    for number, head in enumerate(facts.columns):
        column, name = facts.column(number), head.lower()
        row = int(draw() * len(column))
        ways = (f"what is the {name} of {facts.rows[row]}?", f"what number does {facts.rows[row]} have under {name}?")
        asked.append(ask(pick(ways, draw), str(column[row]), "text"))
        ways = (f"which row has {column[row]} under {name}?", f"who or what has {column[row]} under {name}?")
        asked.append(ask(pick(ways, draw), facts.rows[row], "text"))
        most = draw() < 0.5
        wanted, way = (max(column), ("highest", "largest")) if most else (min(column), ("lowest", "smallest"))
        asked.append(ask(f"which row has the {pick(way, draw)} {name}?", facts.rows[column.index(wanted)], "choice"))
    asked.append(_comparison(facts, draw))
    asked.append(ask("how many rows are below the heads?", str(len(facts.rows)), "number"))
    return asked


def _comparison(facts: _Table, draw: Draw) -> Question:
    """Whether one row has more than another; yes and no are equally frequent."""
    number, yes = int(draw() * len(facts.columns)), draw() < 0.5
    first, second = shuffled(range(len(facts.rows)), draw)[:2]
    column = facts.column(number)
    if (column[first] > column[second]) != yes:
        first, second = second, first
    text = f"is the {facts.columns[number].lower()} of {facts.rows[first]} higher than that of {facts.rows[second]}?"
    return ask(text, "yes" if yes else "no", "yes/no")


def _captions(facts: _Table, draw: Draw) -> list[str]:
    number, row = int(draw() * len(facts.columns)), int(draw() * len(facts.rows))
    return [
        f"a table with the title {facts.title}, {len(facts.rows)} rows and {len(facts.columns)} columns of numbers",
        f"a table in which {facts.rows[row]} has {facts.cells[row][number]} under {facts.columns[number].lower()}",
    ]


TABLE = PageKind("table", "tables of numbers with named rows and columns", _sample, _draw, _questions, _captions)
