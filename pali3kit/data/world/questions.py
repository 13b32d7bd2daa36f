"""Questions on scenes with the answers of ten simulated annotators, as VQAv2, OKVQA and TextVQA have them.

Only what is unambiguous is asked (see `clues`). Annotators mostly agree; who does not says a synonym (a CLDR keyword
of the thing), a count that is one off, another shade, a misread letter. At least four of the ten give the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from pali3kit.data.world import clues, english, vocabulary
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.scene import Scene, Sign, Thing

ANNOTATORS = 10
AGREEING = 4  # at least so many annotators give the answer
_LONE_SHARE = 0.4  # how often, where nothing comes in numbers, something is counted all the same
_SHARES = {1: (10,), 2: (6, 4), 3: (4, 3, 3)}  # annotators behind each of so many good answers


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the answer to train on, and what ten annotators said (`answer` is among them four times or more)."""

    text: str
    answer: str
    answers: tuple[str, ...]
    kind: str  # "object", "colour", "number", "yes/no", "knowledge", "reading"


def vqa(scene: Scene, rng: np.random.Generator, absent: Sequence[str] = ()) -> Question | None:
    """A question on objects, colours, counts or presence; None where nothing can be asked without ambiguity.

    Args:
        scene: what is asked about.
        rng: decides everything.
        absent: emoji that may occur in scenes, for questions on presence; without them the yes/no questions are only
            about discs and relations.
    """
    draw = rng.random
    asks: list[Callable[[], Question | None]] = [
        lambda: _object(scene, draw),
        lambda: _colour(scene, draw),
        lambda: _number(scene, draw),
        lambda: _yes_or_no(scene, draw, absent),
    ]
    return _first(shuffled(asks, draw))


def knowledge(scene: Scene, rng: np.random.Generator) -> Question | None:
    """A question that needs the picture and knowledge of the thing: its kind, or what it is associated with."""
    draw = rng.random
    pointers = _pointers(scene)
    if not pointers:
        return None
    where, thing = pick(pointers, draw)
    associations = _associations(thing.emoji)[:3]
    if draw() < 0.5 or not associations:
        kind = vocabulary.kind(thing.emoji)
        others = (vocabulary.wider(kind), vocabulary.noun(thing.emoji))
        return Question(f"what kind of thing is {where}?", kind, _annotate(kind, others, 0.15, draw), "knowledge")
    # No single association is the right one: up to three of the keywords share the annotators.
    shares = _SHARES[len(associations)]
    said = [word for word, share in zip(associations, shares, strict=True) for _ in range(share)]
    text = f"what is the thing {where} associated with?"
    return Question(text, associations[0], tuple(shuffled(said, draw)), "knowledge")


def reading(scene: Scene, rng: np.random.Generator) -> Question | None:
    """A question answered by a printed word; None for scenes without a sign that can be told apart."""
    draw = rng.random
    colours = [sign.colour for sign in scene.signs]
    readable = [sign for sign in scene.signs if colours.count(sign.colour) == 1]
    if not readable:
        return None
    sign = pick(readable, draw)
    which = "the sign" if len(colours) == 1 and draw() < 0.5 else f"the {sign.colour} sign"
    form = pick(("what does {} say?", "what is written on {}?", "which word is printed on {}?"), draw)
    slips = [_misread(sign.word, draw) for _ in range(2)]
    return Question(form.format(which), sign.word, _annotate(sign.word, slips, 0.06, draw), "reading")


def generate_object_aware(scene: Scene, rng: np.random.Generator, absent: Sequence[str] = ()) -> Question | None:
    """The object-aware questions of PaLI with PaliGemma's wording: list, presence, subset (paper.md §2.2).

    Lists are in alphabetical order, subsets in the order of the question. Without `absent` only the list is asked.
    """
    draw = rng.random
    present = sorted({vocabulary.noun(thing.emoji) for thing in scene.things})
    missing = _missing(scene, absent, 3, draw)
    form = draw() if missing else 0.0
    if form < 1 / 3:
        answer = ", ".join(present)
        return Question("what objects are in the image?", answer, (answer,) * ANNOTATORS, "object")
    if form < 2 / 3:
        answer = "yes" if draw() < 0.5 else "no"
        noun = pick(present if answer == "yes" else missing, draw)
        return Question(f"{english.be(noun)} {english.a(noun)} in the image?", answer, (answer,) * ANNOTATORS, "yes/no")
    asked = shuffled([*shuffled(present, draw)[:2], *missing[: 1 + int(draw() * len(missing))]], draw)
    answer = ", ".join(noun for noun in asked if noun in present)
    return Question(f"which of {', '.join(asked)} are in the image?", answer, (answer,) * ANNOTATORS, "object")


def _first(asks: Sequence[Callable[[], Question | None]]) -> Question | None:
    return next((question for ask in asks if (question := ask())), None)


def _object(scene: Scene, draw: Draw) -> Question | None:
    """`"what is on the red disc?"` -> `"cat"`."""
    pointers = _pointers(scene)
    if not pointers:
        return None
    where, thing = pick(pointers, draw)
    noun = vocabulary.noun(thing.emoji)
    return Question(f"what is {where}?", noun, _annotate(noun, _synonyms(thing.emoji), 0.12, draw), "object")


def _colour(scene: Scene, draw: Draw) -> Question | None:
    """`"what colour is the disc under the cat?"` -> `"red"`."""
    asked: list[tuple[str, str]] = [("the background", scene.background)]
    if len(scene.signs) == 1:
        asked.append(("the sign", scene.signs[0].colour))
    asked += [(f"the disc under the {noun}", thing.tile) for noun, thing in _sole(scene) if thing.tile]
    what, colour = pick(asked, draw)
    shades = (f"light {colour}", f"dark {colour}")
    return Question(f"what colour is {what}?", colour, _annotate(colour, shades, 0.08, draw), "colour")


def _number(scene: Scene, draw: Draw) -> Question | None:
    """`"how many cats are there?"` -> `"2"`; the lone are seldom counted, so that "1" is no safe guess."""
    counts = {"discs": sum(thing.tile is not None for thing in scene.things)}
    if not scene.signs:  # with one, the reader would not know whether to count it
        counts["objects"] = len(scene.things)
    for thing in scene.things:
        clue = clues.named(scene, thing)
        if clue.fits == clue.maybe and _counts(clue.words):
            counts[english.plural(clue.words)] = clue.fits.bit_count()
    several = [(what, count) for what, count in counts.items() if count > 1]
    lone = [(what, count) for what, count in counts.items() if count == 1]
    asked = several or (lone if draw() < _LONE_SHARE else [])
    if not asked:
        return None
    what, count = pick(asked, draw)
    off = (str(count + 1), str(max(count - 1, 0)))
    return Question(f"how many {what} are there?", str(count), _annotate(str(count), off, 0.1, draw), "number")


def _counts(noun: str) -> bool:
    """Nobody counts "popcorn" or "jeans"."""
    return english.is_countable(noun) and english.be(noun) == "is"


def _yes_or_no(scene: Scene, draw: Draw, absent: Sequence[str]) -> Question | None:
    """Presence, disc or relation; yes and no are equally likely for every form, whatever the scene."""
    yes = draw() < 0.5
    asks: list[Callable[[], str | None]] = [
        lambda: _is_there(scene, draw, absent, yes),
        lambda: _is_on(scene, draw, yes),
        lambda: _is_beside(scene, draw, yes),
    ]
    text = next((text for ask in shuffled(asks, draw) if (text := ask())), None)
    if text is None:
        return None
    answer, other = ("yes", "no") if yes else ("no", "yes")
    return Question(text, answer, _annotate(answer, (other,), 0.05, draw), "yes/no")


def _is_there(scene: Scene, draw: Draw, absent: Sequence[str], yes: bool) -> str | None:
    missing = _missing(scene, absent, 1, draw)
    if not missing:
        return None
    noun = vocabulary.noun(pick(scene.things, draw).emoji) if yes else missing[0]
    return f"{english.be(noun)} there {english.a(noun)}?"


def _is_on(scene: Scene, draw: Draw, yes: bool) -> str | None:
    """The wrong colour is one that the picture has elsewhere: the mere presence of a colour says nothing."""
    tiled = [(noun, thing) for noun, thing in _sole(scene) if thing.tile]
    colours = {thing.tile for thing in scene.things if thing.tile} | {sign.colour for sign in scene.signs}
    if not tiled or len(colours) < 2:
        return None
    noun, thing = pick(tiled, draw)
    colour = thing.tile if yes else pick(sorted(colours - {thing.tile}), draw)
    return f"{english.be(noun)} the {noun} on {english.article(str(colour))} disc?"


def _is_beside(scene: Scene, draw: Draw, yes: bool) -> str | None:
    pairs = [
        (noun, thing, other)
        for noun, thing in _sole(scene)
        for other in clues.landmarks(scene)
        if other.words != f"the {noun}"
    ]
    for noun, thing, other in shuffled(pairs, draw):
        for relation in shuffled(list(clues.RELATIONS), draw):
            if clues.lies(thing.centre, relation, other.centre, scene.size) == clues.CLEARLY:
                return f"{english.be(noun)} the {noun} {relation if yes else clues.OPPOSITE[relation]} {other.words}?"
    return None


def _pointers(scene: Scene) -> list[tuple[str, Thing]]:
    """Phrases that point at exactly one thing without naming it, and at no sign either."""
    found: list[tuple[str, Thing]] = []
    for i, thing in enumerate(scene.things):
        tiled = clues.tiled(scene, thing)
        if tiled and clues.only(i, [tiled]):
            found.append((tiled.words, thing))
    for landmark in clues.landmarks(scene):
        for clue in clues.related(scene, landmark):
            relation = clue.words[: -len(landmark.words) - 1]
            if not any(_may_lie(sign, relation, landmark, scene.size) for sign in scene.signs):
                found += [(clue.words, thing) for i, thing in enumerate(scene.things) if clues.only(i, [clue])]
    return found


def _may_lie(sign: Sign, relation: str, landmark: clues.Landmark, size: int) -> bool:
    centre = clues.middle(sign.box)
    return centre != landmark.centre and clues.lies(centre, relation, landmark.centre, size) > clues.NOT


def _sole(scene: Scene) -> list[tuple[str, Thing]]:
    """Things with a name of their own."""
    named = ((clues.named(scene, thing), i, thing) for i, thing in enumerate(scene.things))
    return [(clue.words, thing) for clue, i, thing in named if clues.only(i, [clue])]


def _missing(scene: Scene, absent: Sequence[str], count: int, draw: Draw) -> list[str]:
    """Nouns of up to `count` emoji that are surely not in the scene."""
    candidates = [pick(absent, draw) for _ in range(4 * count)] if absent else []
    sure = [
        vocabulary.noun(emoji)
        for emoji in candidates
        if not any(vocabulary.could_be(thing.emoji, emoji) for thing in scene.things)
    ]
    return list(dict.fromkeys(sure))[:count]


@cache
def _synonyms(emoji: str) -> tuple[str, ...]:
    noun = vocabulary.noun(emoji)
    return tuple(sorted(vocabulary.keywords(emoji) - {noun})) or (vocabulary.kind(emoji),)


@cache
def _associations(emoji: str) -> tuple[str, ...]:
    """Keywords that say more than the name and the kind do."""
    kind = vocabulary.kind(emoji)
    said = (*vocabulary.words(emoji), kind, vocabulary.wider(kind))
    return tuple(
        word
        for word in sorted(vocabulary.keywords(emoji))
        if len(word) > 2 and not any(word in other or other in word for other in said)
    )


def _misread(word: str, draw: Draw) -> str:
    place = pick([i for i, letter in enumerate(word) if letter != " "], draw)
    return word[:place] + pick("aeioulnrst", draw) + word[place + 1 :]


def _annotate(answer: str, others: Sequence[str], dissent: float, draw: Draw) -> tuple[str, ...]:
    """Ten answers: each annotator says something else with probability `dissent`, at most six of them."""
    answers = [pick(others, draw) if draw() < dissent else answer for _ in range(ANNOTATORS)]
    for i in range(ANNOTATORS):
        if answers.count(answer) >= AGREEING:
            break
        answers[i] = answer
    return tuple(answers)
