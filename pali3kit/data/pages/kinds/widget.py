"""Widgets of applications' screens, outlined in red, with captions as WidgetCap has them."""

from __future__ import annotations

from dataclasses import replace

from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.page import PageKind
from pali3kit.data.pages.screens import Screen, Widget, sample_screen
from pali3kit.data.pages.widgets import draw_screen
from pali3kit.data.world import english, vocabulary
from pali3kit.data.world.chance import Draw, pick
from pali3kit.data.world.questions import Question

_TITLE_BAR = ("back", "menu", "add", "search")
_SYMBOLS: dict[str, tuple[str, str, str]] = {
    "back": ("go back", "return to the last page", "back arrow"),
    "menu": ("open the menu", "show the menu", "menu button"),
    "add": ("add something new", "add an item", "plus button"),
    "search": ("search", "search for something", "search button"),
    "play": ("play", "start playing", "play button"),
    "pause": ("pause", "stop playing", "pause button"),
    "next": ("play the next one", "go to the next one", "next button"),
    "previous": ("play the previous one", "go to the previous one", "previous button"),
    "slider": ("change the position", "move to another position", "position slider"),
}
"""Captions of widgets without text."""


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> Screen:
    """A screen with a marked widget: mostly one of its content, whose kinds are equally likely."""
    screen = sample_screen(lexicon, draw, size)
    kinds = sorted({widget.kind for widget in screen.widgets})
    kind = pick(kinds if draw() < 0.4 else [kind for kind in kinds if kind not in _TITLE_BAR], draw)
    numbers = [number for number, widget in enumerate(screen.widgets) if widget.kind == kind]
    return replace(screen, marked=pick(numbers, draw))


def _captions(facts: Screen, draw: Draw) -> list[str]:
    """Three captions of the marked widget."""
    assert facts.marked is not None
    widget = facts.widgets[facts.marked]
    return list(_SYMBOLS.get(widget.kind) or _of_text(widget))


def _of_text(widget: Widget) -> tuple[str, str, str]:
    text = widget.text.lower()
    noun = vocabulary.noun(widget.icon) if widget.icon else "thing"
    state = "off" if widget.on else "on"
    return {
        "switch": (f"turn {state} {text}", f"switch {text} {state}", f"{text} switch"),
        "check": (f"{'clear' if widget.on else 'tick'} {text}", f"mark {text} as {'open' if widget.on else 'done'}",
                  f"{text} check box"),
        "row": (f"open {text}", f"choose {text} with the {noun}", f"{text} entry"),
        "field": (f"enter the {text}", f"type the {text}", f"{text} field"),
        "button": (text, f"press {text}", f"{text} button"),
        "image": (f"image of {english.indefinite(noun)}", f"show {english.indefinite(noun)}", f"{noun} image"),
        "text": (f"the name {text}", f"name of {text}", f"{text} text"),
        "dialog": (text.rstrip("?"), f"ask to {text.rstrip('?')}", f"{text.rstrip('?')} dialog"),
        "price": (f"the price {text}", f"price of {text}", f"{text} price"),
        "tab": (f"go to {text}", f"open the {text} page", f"{text} tab"),
    }[widget.kind]  # fmt: skip


def _questions(facts: Screen, draw: Draw) -> list[Question]:
    return []


WIDGET = PageKind("widget", "outlined widgets of screens, with captions", _sample, draw_screen, _questions, _captions)
