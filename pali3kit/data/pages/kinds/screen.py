"""Screens of applications with summaries, as Screen2Words has them, and questions."""

from __future__ import annotations

from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.pages.screens import Screen, sample_screen
from pali3kit.data.pages.widgets import draw_screen
from pali3kit.data.world import english, vocabulary
from pali3kit.data.world.chance import Draw, pick
from pali3kit.data.world.questions import Question


def _captions(facts: Screen, draw: Draw) -> list[str]:
    """Five summaries."""
    what = _purpose(facts)
    app = facts.app.lower()
    return [
        f"{what[0]} of the {app} app",
        f"page to {what[1]}",
        f"screen of the {app} app to {what[1]}",
        f"{what[0]} with {_content(facts)}",
        f"page showing {_content(facts)}",
    ]


def _purpose(facts: Screen) -> tuple[str, str]:
    """What kind of page it is, and what one does with it."""
    submit = next((widget.text.lower() for widget in facts.of_kind("button") if widget.on), "")
    name, shown = facts.name, [widget.text.lower() for widget in facts.of_kind("dialog", "text")]
    if facts.form == "dialog":
        return "dialog", shown[0].rstrip("?")
    return {
        "settings": ("settings page", "turn settings on or off"),
        "list": (f"list of {name}", f"choose one of the {name}"),
        "login": (f"{submit} page", submit),
        "gallery": (f"{name} page", "look at images"),
        "player": ("player page", f"play {shown[0]}" if shown else ""),
        "product": (f"{name} page", f"{submit} {shown[0]}" if shown else ""),
        "tasks": (f"list of {name}", "tick things off"),
    }[facts.form]


def _content(facts: Screen) -> str:
    """What is on it, in words."""
    if facts.form in ("gallery", "player"):
        images = [english.indefinite(vocabulary.noun(widget.icon)) for widget in facts.of_kind("image")]
        return _listed(images[:3])
    if facts.form == "product":
        noun = vocabulary.noun(facts.of_kind("image")[0].icon)
        return f"{english.indefinite(noun)} for {facts.of_kind('price')[0].text}"
    if facts.form == "dialog":
        return f"buttons {_listed([widget.text.lower() for widget in facts.of_kind('button')])}"
    kinds = {"settings": "switch", "list": "row", "login": "field", "tasks": "check"}
    texts = [widget.text.lower() for widget in facts.of_kind(kinds[facts.form])]
    words = {"settings": "switches for ", "login": "fields for "}.get(facts.form, "")
    return words + _listed(texts)


def _listed(items: list[str]) -> str:
    return f"{', '.join(items[:-1])} and {items[-1]}" if len(items) > 1 else items[0]


def _questions(facts: Screen, draw: Draw) -> list[Question]:
    """The title, a state or a price, and how many widgets of a kind there are."""
    asked = [ask(pick(("what is the title of the screen?", "what does the title bar say?"), draw), facts.title, "text")]
    stateful = facts.of_kind("switch", "check")
    if stateful:
        widget = pick(stateful, draw)
        state = "on" if widget.kind == "switch" else "ticked"
        asked.append(ask(f"is {widget.text} {state}?", "yes" if widget.on else "no", "yes/no"))
        count = sum(one.on for one in stateful)
        asked.append(ask(f"how many {'switches' if state == 'on' else 'boxes'} are {state}?", str(count), "number"))
    asked += [ask("what is the price?", widget.text, "text") for widget in facts.of_kind("price")]
    asked += [ask("what does the dialog ask?", widget.text, "text") for widget in facts.of_kind("dialog")]
    chosen = [widget.text for widget in facts.of_kind("tab") if widget.on]
    asked += [ask("which tab is selected?", text, "choice") for text in chosen]
    rows = facts.of_kind("row")
    if rows:
        row = pick(rows, draw)
        asked.append(ask(f"which name is beside the {vocabulary.noun(row.icon)}?", row.text, "text"))
    return asked


SCREEN = PageKind(
    "screen", "screens of applications, with summaries", sample_screen, draw_screen, _questions, _captions
)
