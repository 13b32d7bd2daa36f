"""Book covers: title, author, genre look."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.data.pages.canvas import BLACK, WHITE, Canvas
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.world.chance import Draw, pick
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.questions import Question

_GENRES: dict[str, tuple[str, ...]] = {
    "cooking": ("🍲", "🍰", "🍕", "🥗", "🍞"),
    "travel": ("🚂", "✈️", "🚢", "🏝️", "🗺️"),
    "animals": ("🐕", "🐎", "🦁", "🐘", "🐳"),
    "sports": ("⚽", "🏀", "🎾", "🏆", "🚴"),
    "music": ("🎸", "🎻", "🎹", "🥁", "🎺"),
    "science": ("🔬", "🔭", "🛰️", "🚀", "💡"),
    "romance": ("❤️", "🌹", "💍", "💌", "💐"),
    "gardening": ("🌻", "🌷", "🌵", "🍅", "🥕"),
}
"""Each genre and the emoji that stand for it."""
_DARK: tuple[RGB, ...] = ((34, 52, 110), (110, 28, 40), (22, 82, 66), (70, 40, 96), (40, 40, 46), (120, 70, 20))
_PALE: tuple[RGB, ...] = ((240, 226, 196), (206, 226, 240), (244, 208, 200), (214, 236, 206), (250, 240, 150))
_TITLES = ("The {} of {}", "{} and {}", "My {} {}", "{} in {}", "Good {} {}", "{} for {}")
_SUBTITLES = ("a novel", "a guide", "stories", "letters", "for beginners", "new edition", "poems", "essays")


@dataclass(frozen=True, slots=True)
class _Cover:
    """The genre shows in the icons, and is printed only if `genre_printed`."""

    title: str
    author: str
    subtitle: str | None
    genre: str
    genre_printed: bool
    year: int | None
    icon: str
    artist: str
    layout: tuple[int, ...]  # order (0 title, icon, author; 1 author, title, icon; 2 icon, title, author), align, band
    face: str
    paper: RGB
    band: RGB
    grain: int

    @property
    def dark(self) -> bool:
        """Whether the letters are white."""
        return self.paper in _DARK


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> _Cover:
    genre = pick(tuple(_GENRES), draw)
    words = lexicon.name(draw), lexicon.name(draw, 2 + (draw() < 0.5))
    dark = draw() < 0.5
    return _Cover(
        title=pick(_TITLES, draw).format(*words),
        author=lexicon.full_name(draw),
        subtitle=pick(_SUBTITLES, draw) if draw() < 0.5 else None,
        genre=genre,
        genre_printed=draw() < 0.3,
        year=lexicon.number(draw, 1950, 2029) if draw() < 0.3 and size >= 128 else None,
        icon=pick(_GENRES[genre], draw),
        artist=pick(("noto", "twemoji"), draw),
        layout=lexicon.layout(draw, 3, 3, 3, 2),
        face=pick(("serif", "bold", "sans"), draw),
        paper=pick(_DARK if dark else _PALE, draw),
        band=pick(_PALE if dark else _DARK, draw),
        grain=int(draw() * 8),
    )


def _draw(facts: _Cover, canvas: Canvas) -> None:
    canvas.fill((0, 0, canvas.size, canvas.size), facts.paper)
    small, ink = [], WHITE if facts.dark else BLACK
    if facts.genre_printed:
        small.append(facts.genre.upper() if facts.layout[3] else facts.genre.capitalize())
    if facts.year is not None:
        small.append(str(facts.year))
    margin, em = canvas.px(6), canvas.em
    _band(facts, canvas)
    blocks = [_title_lines(facts, canvas), [(facts.author, em + canvas.px(2), "sans", ink)]]
    if facts.layout[0] == 1:
        blocks = blocks[::-1]
    if small:
        blocks[-1].append((" ".join(small), em, "mono", ink))
    free = canvas.size - 2 * margin - sum(height + canvas.px(3) for block in blocks for _, height, _, _ in block)
    side = min(free - canvas.px(4), canvas.px(62))
    gap, y = (free - side) // 2, margin
    order = (["text", "icon", "text"], ["text", "text", "icon"], ["icon", "text", "text"])[facts.layout[0]]
    for number, what in enumerate(order):
        if number:
            y += gap
        y = _icons(facts, canvas, y, side) if what == "icon" else _block(facts, canvas, blocks.pop(0), y)
    canvas.grain(facts.grain)


def _title_lines(facts: _Cover, canvas: Canvas) -> list[tuple[str, int, str, RGB]]:
    """The title in large letters on one or two lines, and the subtitle: text, em, typeface, ink."""
    ink: RGB = WHITE if facts.dark else BLACK
    words, large = facts.title.split(), canvas.em + canvas.px(7)
    lines = [" ".join(words[:-1]), words[-1]] if len(facts.title) > 9 else [facts.title]
    found = [(line, large, facts.face, ink) for line in lines]
    return [*found, (facts.subtitle, canvas.em, "sans", ink)] if facts.subtitle else found


def _block(facts: _Cover, canvas: Canvas, lines: list[tuple[str, int, str, RGB]], y: int) -> int:
    """Print lines below each other, and return the row below them."""
    margin = canvas.px(8)
    align = ("left", "middle", "right")[facts.layout[1]]
    x = (margin, canvas.size // 2, canvas.size - margin)[facts.layout[1]]
    for text, em, face, ink in lines:
        canvas.text(text, y, x, em, face=face, ink=ink, align=align, width=canvas.size - 2 * margin)
        y += em + canvas.px(3)
    return y


def _icons(facts: _Cover, canvas: Canvas, y: int, side: int) -> int:
    """The genre's icon: one, or a row of three smaller ones."""
    if facts.layout[2] == 2:
        small = min(side, canvas.px(30))
        for number in range(3):
            canvas.icon(
                facts.icon,
                y + (side - small) // 2,
                canvas.size * (2 * number + 1) // 6 - small // 2,
                small,
                facts.artist,
            )
    else:
        canvas.icon(facts.icon, y, (canvas.size - side) // 2, side, facts.artist)
    return y + side


def _band(facts: _Cover, canvas: Canvas) -> None:
    """A frame, or a stripe at the spine."""
    if facts.layout[2] == 0:
        inset = canvas.px(2)
        canvas.frame((inset, inset, canvas.size - inset, canvas.size - inset), facts.band, canvas.px(1))
    elif facts.layout[2] == 1:
        canvas.fill((0, 0, canvas.size, canvas.px(5)), facts.band)


def _questions(facts: _Cover, draw: Draw) -> list[Question]:
    yes = draw() < 0.5
    genre = facts.genre if yes else pick([other for other in _GENRES if other != facts.genre], draw)
    ways = (f"is this book about {genre}?", f"is this a book on {genre}?", f"does this book belong to {genre}?")
    asked = [
        ask(pick(ways, draw), "yes" if yes else "no", "yes/no"),
        ask(pick(("who wrote this book?", "who is the author of this book?"), draw), facts.author, "text"),
        ask(pick(("what is the title of this book?", "what is this book called?"), draw), facts.title, "text"),
        ask(pick(("what is the genre of this book?", "what type of book is this?"), draw), facts.genre, "choice"),
        _is_author(facts, draw),
    ]
    if facts.subtitle:
        asked.append(ask("what is the subtitle of this book?", facts.subtitle, "choice"))
    if facts.year is not None:
        asked.append(ask("which year is on the cover?", str(facts.year), "text"))
    return asked


def _is_author(facts: _Cover, draw: Draw) -> Question:
    """Whether somebody wrote it: the author, or one whose first name has its syllables exchanged."""
    yes = draw() < 0.5
    first, last = facts.author.split()
    name = facts.author if yes else f"{(first[2:] + first[:2]).capitalize()} {last}"
    if name == facts.author:
        yes = True
    return ask(f"did {name} write this book?", "yes" if yes else "no", "yes/no")


def _captions(facts: _Cover, draw: Draw) -> list[str]:
    return [
        f"the cover of the book {facts.title} by {facts.author}",
        pick((f"a book about {facts.genre}, {facts.title}", f"a {facts.genre} book by {facts.author}"), draw),
    ]


COVER = PageKind("cover", "book covers with title, author and genre", _sample, _draw, _questions, _captions)
