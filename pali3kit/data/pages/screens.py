"""What an application's screen shows: widgets with their texts, states and boxes, in an image of 128 pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pali3kit.data.pages.lexicon import CURRENCIES, Lexicon, amount
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.classes import scene_classes
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.scene import Box

OBJECTS = 40  # different emoji as images, as many as scenes of the embedded scale have
ACCENTS: tuple[RGB, ...] = ((34, 98, 214), (30, 140, 70), (120, 54, 170), (196, 98, 16), (20, 128, 140), (90, 96, 110))
FIELDS = ("name", "email", "password", "city", "phone", "code", "street")
SUBMITS = ("Log in", "Sign up", "Send", "Save")
ASKS = ("Delete", "Open", "Share", "Close")  # what dialogs ask for
TABS = ("Home", "News", "Maps", "Cart", "Chat", "Shop", "Help")
BUYS = ("Buy", "Add", "Rent")
_TOP, _BAR, _LOW = 10, 24, 114  # bottoms of status bar and title bar, top of tabs


@dataclass(frozen=True, slots=True)
class Widget:
    """One widget. Its `kind` is a key of `widgets.WIDGETS`; `on` is the state of a switch, check box or tab."""

    kind: str
    text: str
    box: Box
    on: bool = False
    icon: str = ""  # an emoji


@dataclass(frozen=True, slots=True)
class Screen:
    """A screen of an application; `form` is a key of `FORMS`. `marked` is the widget that is outlined, if one is."""

    form: str
    app: str
    name: str  # what the title calls the screen, "" where it is the application's name alone
    clock: str
    widgets: tuple[Widget, ...]
    accent: int
    dark: bool
    sides: tuple[int, int]  # left and right edge
    grouped: bool  # rows on cards, not between lines
    marked: int | None = None

    @property
    def title(self) -> str:
        """What the title bar says."""
        return f"{self.app} {self.name}".strip()

    def of_kind(self, *kinds: str) -> list[Widget]:
        """The widgets of some kinds."""
        return [widget for widget in self.widgets if widget.kind in kinds]


@dataclass(frozen=True, slots=True)
class _Room:
    """Where a form may place widgets, and what it draws words from."""

    lexicon: Lexicon
    draw: Draw
    box: Box
    app: str

    def rows(self, count: int, high: int) -> list[Box]:
        """Boxes one below the other, at most `high` units high."""
        y0, x0, y1, x1 = self.box
        high = min(high, (y1 - y0) // count)
        return [(y0 + number * high, x0, y0 + (number + 1) * high, x1) for number in range(count)]

    def columns(self, count: int, top: int, low: int, gap: int = 4) -> list[Box]:
        """Boxes side by side."""
        _, x0, _, x1 = self.box
        wide = (x1 - x0 - gap) // count
        return [(top, x0 + gap + number * wide, low, x0 + (number + 1) * wide) for number in range(count)]

    def icons(self, count: int) -> list[str]:
        return shuffled(scene_classes(OBJECTS), self.draw)[:count]


def sample_screen(lexicon: Lexicon, draw: Draw, size: int) -> Screen:
    """A screen of one of the forms, with a title bar and perhaps tabs."""
    form = pick(tuple(FORMS), draw)
    accent, dark, narrow, grouped, left, tabbed = lexicon.layout(draw, len(ACCENTS), 2, 2, 2, 3, 2)
    app = lexicon.name(draw)
    x0, x1 = (12, 116) if narrow else (0, 128)
    has_tabs = bool(tabbed) and form not in ("dialog", "login")
    room = _Room(lexicon, draw, (_BAR + 2, x0, _LOW - 2 if has_tabs else 126, x1), app)
    name, content = FORMS[form](room)
    bar = [Widget(("back", "menu", "back")[left], "", (_TOP + 1, x0 + 2, _BAR - 1, x0 + 14))]
    if draw() < 0.4:
        bar.append(Widget(pick(("add", "search"), draw), "", (_TOP + 1, x1 - 14, _BAR - 1, x1 - 2)))
    tab_names, chosen = shuffled(TABS, draw)[:3], int(draw() * 3)
    boxes = room.columns(3, _LOW, 128, gap=0) if has_tabs else []
    tabs = [
        Widget("tab", text, box, on=at == chosen) for at, (text, box) in enumerate(zip(tab_names, boxes, strict=False))
    ]
    clock = f"{1 + int(draw() * 12)}:{int(draw() * 60):02}"
    return Screen(form, app, name, clock, (*bar, *content, *tabs), accent, bool(dark), (x0, x1), bool(grouped))


_Content = tuple[str, list[Widget]]  # what the title calls it, "" for the application's name alone, and the widgets


def _settings(room: _Room) -> _Content:
    count = 3 + int(room.draw() * 3)
    rows = zip(room.lexicon.names(room.draw, count), room.rows(count, 19), strict=True)
    return "settings", [Widget("switch", name, box, on=room.draw() < 0.5) for name, box in rows]


def _list(room: _Room) -> _Content:
    count = 3 + int(room.draw() * 2)
    rows = zip(room.lexicon.names(room.draw, count), room.rows(count, 22), room.icons(count), strict=True)
    name = pick(("friends", "songs", "places", "games"), room.draw)
    return name, [Widget("row", text, box, icon=icon) for text, box, icon in rows]


def _login(room: _Room) -> _Content:
    count = 2 + int(room.draw() * 2)
    boxes = room.rows(count + 1, 26)
    names, submit = shuffled(FIELDS, room.draw)[:count], pick(SUBMITS, room.draw)
    fields = [Widget("field", name, box) for name, box in zip(names, boxes, strict=False)]
    y0, x0, y1, x1 = boxes[-1]
    return "", [*fields, Widget("button", submit, (y0 + 5, x0 + 24, min(y1, y0 + 21), x1 - 24), on=True)]


def _gallery(room: _Room) -> _Content:
    across, (y0, _, y1, _) = 2 + int(room.draw() * 2), room.box
    high = (y1 - y0) // 2
    boxes = [box for row in range(2) for box in room.columns(across, y0 + row * high + 1, y0 + (row + 1) * high - 1)]
    name = pick(("album", "gallery", "images"), room.draw)
    return name, [Widget("image", "", box, icon=icon) for icon, box in zip(room.icons(2 * across), boxes, strict=True)]


def _dialog(room: _Room) -> _Content:
    _, x0, _, x1 = room.box
    name, verb, top = room.lexicon.name(room.draw), pick(ASKS, room.draw), 40 + int(room.draw() * 20)
    middle = (x0 + x1) // 2
    panel = Widget("dialog", f"{verb} {name}?", (top, x0 + 10, top + 46, x1 - 10))
    no = Widget("button", pick(("Cancel", "No"), room.draw), (top + 26, x0 + 15, top + 41, middle - 3))
    yes = Widget("button", pick(("OK", "Yes", verb), room.draw), (top + 26, middle + 3, top + 41, x1 - 15), on=True)
    return "", [panel, no, yes]


def _player(room: _Room) -> _Content:
    y0, x0, y1, x1 = room.box
    middle, end = (x0 + x1) // 2, y1 - 4
    image = Widget("image", "", (y0 + 1, middle - 20, end - 43, middle + 20), icon=room.icons(1)[0])
    name = Widget("text", room.lexicon.full_name(room.draw), (end - 42, x0 + 8, end - 31, x1 - 8))
    slider = Widget("slider", str(int(room.draw() * 81) + 10), (end - 29, x0 + 12, end - 21, x1 - 12))
    boxes = [(end - 18, middle + at - 9, end, middle + at + 9) for at in (-30, 0, 30)]
    kinds = ("previous", pick(("play", "pause"), room.draw), "next")
    return "player", [image, name, slider, *(Widget(kind, "", box) for kind, box in zip(kinds, boxes, strict=True))]


def _product(room: _Room) -> _Content:
    y0, x0, y1, x1 = room.box
    middle = (x0 + x1) // 2
    image = Widget("image", "", (y0 + 4, x0 + 6, y1 - 34, middle), icon=room.icons(1)[0])
    name = Widget("text", room.lexicon.name(room.draw), (y0 + 12, middle + 4, y0 + 24, x1 - 4))
    cost = pick(CURRENCIES, room.draw) + amount(room.lexicon.cents(room.draw, 100, 9999))
    price = Widget("price", cost, (y0 + 28, middle + 4, y0 + 40, x1 - 4))
    buttons = [Widget("button", pick(BUYS, room.draw), (y1 - 24, middle + 2, y1 - 8, x1 - 8), on=True)]
    if room.draw() < 0.6:
        buttons.append(Widget("button", "Share", (y1 - 24, x0 + 8, y1 - 8, middle - 4)))
    return pick(("shop", "offer"), room.draw), [image, name, price, *buttons]


def _tasks(room: _Room) -> _Content:
    count = 3 + int(room.draw() * 2)
    boxes = room.rows(count + 1, 18)
    names = room.lexicon.names(room.draw, count)
    checks = [Widget("check", name, box, on=room.draw() < 0.5) for name, box in zip(names, boxes, strict=False)]
    y0, _, y1, x1 = boxes[-1]
    save = Widget("button", pick(("Save", "Done"), room.draw), (y0 + 3, x1 - 52, y1 + 1, x1 - 8), on=True)
    return pick(("tasks", "to-dos"), room.draw), [*checks, save]


FORMS: dict[str, Callable[[_Room], _Content]] = {
    "settings": _settings, "list": _list, "login": _login, "gallery": _gallery, "dialog": _dialog, "player": _player,
    "product": _product, "tasks": _tasks,
}  # fmt: skip
"""The forms of screens, and what fills them."""
