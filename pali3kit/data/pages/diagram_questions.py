"""Multiple-choice questions about diagrams, and their captions.

A question lists its options, "(a) B (b) D (c) A", in random order; its answer is the text of the right one, as AI2D's.
"""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.data.pages.diagrams import FORMS, LETTERS, Diagram
from pali3kit.data.pages.page import ask
from pali3kit.data.readers.vqa_questions import with_options
from pali3kit.data.world import vocabulary
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.questions import Question

_OPTIONS, _LEAST = 4, 3  # options of a question, and the fewest of them
_ASKED = 4  # questions of each diagram
_WORDS = {"cycle": "stage", "web": "animal", "layers": "layer", "rings": "ring"}  # what parts are

_Found = list[tuple[str, int, set[int]]]  # question, right part, other parts that would be right too or are named


def ask_about_parts(facts: Diagram, draw: Draw) -> list[Question]:
    """Up to four questions, of which one may be a count."""
    found = {"cycle": _of_cycle, "web": _of_web, "layers": _of_order, "rings": _of_order}[facts.form](facts)
    several = [one for one in found + _of_looks(facts) if len({one[1], *one[2]}) + _LEAST - 1 <= len(facts.labels)]
    chosen = shuffled(several, draw)[: _ASKED - 1]
    asked = [_choose(text, right, excluded, facts, draw) for text, right, excluded in chosen]
    return shuffled([*asked, _count(facts, draw)], draw)


def _choose(text: str, right: int, excluded: set[int], facts: Diagram, draw: Draw) -> Question:
    """A question with the labels of other parts as options, and letters that are not there where these are too few."""
    others = [facts.labels[number] for number in range(len(facts.labels)) if number not in {right, *excluded}]
    absent = [letter for letter in LETTERS if letter not in facts.labels] if facts.lettered else []
    return _with_options(text, facts.labels[right], [*shuffled(others, draw), *absent], draw)


def _with_options(text: str, answer: str, others: Sequence[str], draw: Draw) -> Question:
    options = shuffled([answer, *others[: _OPTIONS - 1]], draw)
    return ask(with_options(text, options), answer, "choice")


def _count(facts: Diagram, draw: Draw) -> Question:
    """How many parts or arrows there are; the right number may be any of the options in size."""
    what = [(f"{_WORDS[facts.form]}s", len(facts.labels)), ("parts", len(facts.labels))]
    if facts.form == "web":
        what[1] = ("arrows", len(facts.arrows))
    words, count = pick(what, draw)
    first = max(1, count - int(draw() * _OPTIONS))
    options = [str(number) for number in range(first, first + _OPTIONS)]
    others = [option for option in options if option != str(count)]
    return _with_options(f"how many {words} are shown?", str(count), others, draw)


def _of_cycle(facts: Diagram) -> _Found:
    found: _Found = []
    for before, after in facts.arrows:
        found.append((f"which stage follows {facts.labels[before]}?", after, {before}))
        found.append((f"which stage comes before {facts.labels[after]}?", before, {after}))
    return found


def _of_web(facts: Diagram) -> _Found:
    found: _Found = []
    everyone = range(len(facts.labels))
    eaters = {food: [eater for one, eater in facts.arrows if one == food] for food in everyone}
    foods = {eater: [food for food, one in facts.arrows if one == eater] for eater in everyone}
    for number, label in enumerate(facts.labels):
        if eaters[number]:
            found.append((f"what eats {label}?", eaters[number][0], {number, *eaters[number]}))
        if foods[number]:
            found.append((f"what does {label} eat?", foods[number][0], {number, *foods[number]}))
        only = [eater for eater in eaters[number] if foods[eater] == [number]]
        if only:
            found.append((f"what starves if {label} dies out?", only[0], {number, *only}))
    tops = [number for number in everyone if not eaters[number]]
    found.append(("what is eaten by nothing?", tops[0], set(tops)))
    return found


def _of_order(facts: Diagram) -> _Found:
    """Of layers from the top or rings from the outside."""
    words = _WORDS[facts.form]
    first, last = ("at the top", "at the bottom") if facts.form == "layers" else ("the outermost", "the innermost")
    after, before = ("below", "above") if facts.form == "layers" else ("inside", "around")
    end = len(facts.labels) - 1
    found: _Found = [(f"which {words} is {first}?", 0, set()), (f"which {words} is {last}?", end, set())]
    for number, (one, other) in enumerate(zip(facts.labels, facts.labels[1:], strict=False)):
        found.append((f"which {words} is directly {after} {one}?", number + 1, {number}))
        found.append((f"which {words} is directly {before} {other}?", number, {number + 1}))
    return found


def _of_looks(facts: Diagram) -> _Found:
    """Which part has a colour or shows a thing: half as many as there are parts."""
    kinds = range(0, len(facts.labels), 2)
    if facts.icons:
        return [(f"which label is below the {vocabulary.noun(facts.icons[at])}?", at, set()) for at in kinds]
    return [(f"which {_WORDS[facts.form]} is {facts.colours[at]}?", at, set()) for at in kinds]


def describe_diagram(facts: Diagram, draw: Draw) -> list[str]:
    """Captions: its form, title and parts."""
    parts = f"{len(facts.labels)} {_WORDS[facts.form]}s"
    labels = f"{', '.join(facts.labels[:-1])} and {facts.labels[-1]}"
    return [
        f"a diagram with {parts}: {labels}",
        f'a diagram with the title "{facts.title}"',
        f"a diagram of a {FORMS[facts.form]}" if facts.form != "layers" else f"a diagram of {parts}",
    ]
