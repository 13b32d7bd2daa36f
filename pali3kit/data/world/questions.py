"""Questions about scenes with the answers of ten simulated annotators, as VQAv2, OKVQA and TextVQA have them.

Questions are unambiguous (see `clues`). Annotators mostly agree; the others give a synonym (a CLDR keyword of the
thing), a count that is off by one, another shade, or a misread word. At least four of the ten give the correct answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from pali3kit.data.world import english, vocabulary
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.clues import CLEARLY, NOT, OPPOSITE, RELATIONS, SceneClues, how_clearly, identifies
from pali3kit.data.world.scene import Scene, SceneThing

ANNOTATORS = 10
MIN_AGREEING = 4  # annotators that give the correct answer
_LONE_SHARE = 0.4  # share of scenes without a repeated thing in which a single one is counted
_SHARES = {1: (10,), 2: (6, 4), 3: (4, 3, 3)}  # annotators for each of 1, 2 or 3 equally good answers


@dataclass(frozen=True, slots=True)
class Question:
    """A question, the target answer, and the answers of ten annotators, which contain it at least four times."""

    text: str
    answer: str
    answers: tuple[str, ...]
    kind: str  # "object", "colour", "number", "yes/no", "knowledge", "reading"


def vqa(scene: Scene, rng: np.random.Generator, absent: Sequence[str] = ()) -> Question | None:
    """A question about objects, colours, counts or presence; None if the scene allows no unambiguous one.

    Args:
        scene: the scene.
        rng: the source of all random choices.
        absent: emoji that may occur in scenes, for questions about presence; without them, yes/no questions are only
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
    """A question that needs the image and world knowledge: the kind of a thing, or what it is associated with."""
    draw = rng.random
    pointers = _pointers(scene)
    if not pointers:
        return None
    where, thing = pick(pointers, draw)
    associations = _associations(thing.emoji)[:3]
    if draw() < 0.5 or not associations:
        kind = vocabulary.kind(thing.emoji)
        others = (vocabulary.hypernym(kind), vocabulary.noun(thing.emoji))
        return Question(f"what kind of thing is {where}?", kind, _annotate(kind, others, 0.15, draw), "knowledge")
    # There is no single correct association: up to three keywords share the annotators.
    shares = _SHARES[len(associations)]
    answers = [word for word, share in zip(associations, shares, strict=True) for _ in range(share)]
    text = f"what is the thing {where} associated with?"
    return Question(text, associations[0], tuple(shuffled(answers, draw)), "knowledge")


def reading(scene: Scene, rng: np.random.Generator) -> Question | None:
    """A question whose answer is a printed word; None if no sign can be identified."""
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


def object_aware(scene: Scene, rng: np.random.Generator, absent: Sequence[str] = ()) -> Question | None:
    """PaLI's object-aware questions in PaliGemma's wording: list, presence, subset (paper.md §2.2).

    Lists are in alphabetical order, subsets in the order of the question. Without `absent` only the list is asked for.
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
        return Question(
            f"{english.is_or_are(noun)} {english.indefinite(noun)} in the image?",
            answer,
            (answer,) * ANNOTATORS,
            "yes/no",
        )
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
    asked += [(f"the disc under the {noun}", thing.tile) for noun, thing in _named_things(scene) if thing.tile]
    what, colour = pick(asked, draw)
    shades = (f"light {colour}", f"dark {colour}")
    return Question(f"what colour is {what}?", colour, _annotate(colour, shades, 0.08, draw), "colour")


def _number(scene: Scene, draw: Draw) -> Question | None:
    """`"how many cats are there?"` -> `"2"`; single things are counted less often, so that "1" is not a safe guess."""
    counts = {"discs": sum(thing.tile is not None for thing in scene.things)}
    if not scene.signs:  # a sign might be counted as an object
        counts["objects"] = len(scene.things)
    for thing in scene.things:
        clue = SceneClues(scene).name(thing)
        if clue.fits == clue.maybe and _is_counted(clue.words):
            counts[english.plural(clue.words)] = clue.fits.bit_count()
    repeated = [(what, count) for what, count in counts.items() if count > 1]
    single = [(what, count) for what, count in counts.items() if count == 1]
    asked = repeated or (single if draw() < _LONE_SHARE else [])
    if not asked:
        return None
    what, count = pick(asked, draw)
    off = (str(count + 1), str(max(count - 1, 0)))
    return Question(f"how many {what} are there?", str(count), _annotate(str(count), off, 0.1, draw), "number")


def _is_counted(noun: str) -> bool:
    """Whether one asks how many there are: not of "popcorn" or "jeans"."""
    return english.is_countable(noun) and english.is_or_are(noun) == "is"


def _yes_or_no(scene: Scene, draw: Draw, absent: Sequence[str]) -> Question | None:
    """A question about presence, a disc or a relation; yes and no are equally likely for each form in every scene."""
    yes = draw() < 0.5
    asks: list[Callable[[], str | None]] = [
        lambda: _is_there(scene, draw, absent, yes),
        lambda: _is_on(scene, draw, yes),
        lambda: _is_in_relation(scene, draw, yes),
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
    return f"{english.is_or_are(noun)} there {english.indefinite(noun)}?"


def _is_on(scene: Scene, draw: Draw, yes: bool) -> str | None:
    """Whether a thing is on a disc of some colour; a wrong colour occurs elsewhere, so presence is no hint."""
    tiled = [(noun, thing) for noun, thing in _named_things(scene) if thing.tile]
    colours = {thing.tile for thing in scene.things if thing.tile} | {sign.colour for sign in scene.signs}
    if not tiled or len(colours) < 2:
        return None
    noun, thing = pick(tiled, draw)
    colour = thing.tile if yes else pick(sorted(colours - {thing.tile}), draw)
    return f"{english.is_or_are(noun)} the {noun} on {english.with_article(str(colour))} disc?"


def _is_in_relation(scene: Scene, draw: Draw, yes: bool) -> str | None:
    pairs = [
        (noun, thing, other)
        for noun, thing in _named_things(scene)
        for other in SceneClues(scene).landmarks()
        if other.words != f"the {noun}"
    ]
    for noun, thing, other in shuffled(pairs, draw):
        for relation in shuffled(list(RELATIONS), draw):
            if how_clearly(thing.centre, relation, other.centre, scene.size) == CLEARLY:
                return f"{english.is_or_are(noun)} the {noun} {relation if yes else OPPOSITE[relation]} {other.words}?"
    return None


def _pointers(scene: Scene) -> list[tuple[str, SceneThing]]:
    """Phrases that identify one thing without naming it, and cannot mean a sign."""
    found: list[tuple[str, SceneThing]] = []
    clues, things = SceneClues(scene), scene.things
    for i, thing in enumerate(things):
        disc = clues.disc(thing)
        if disc and identifies(i, [disc]):
            found.append((disc.words, thing))
    for landmark in clues.landmarks():
        other_signs = [sign.centre for sign in scene.signs if sign.centre != landmark.centre]
        for clue in clues.relations(landmark):
            relation = clue.words[: -len(landmark.words) - 1]
            if all(how_clearly(sign, relation, landmark.centre, scene.size) == NOT for sign in other_signs):
                found += [(clue.words, thing) for i, thing in enumerate(things) if identifies(i, [clue])]
    return found


def _named_things(scene: Scene) -> list[tuple[str, SceneThing]]:
    """The things that their names identify, with these names."""
    named = ((SceneClues(scene).name(thing), i, thing) for i, thing in enumerate(scene.things))
    return [(clue.words, thing) for clue, i, thing in named if identifies(i, [clue])]


def _missing(scene: Scene, absent: Sequence[str], count: int, draw: Draw) -> list[str]:
    """Nouns of up to `count` emoji that are certainly not in the scene."""
    candidates = [pick(absent, draw) for _ in range(4 * count)] if absent else []
    nouns = [
        vocabulary.noun(emoji)
        for emoji in candidates
        if not any(vocabulary.could_be(thing.emoji, emoji) for thing in scene.things)
    ]
    return list(dict.fromkeys(nouns))[:count]


@cache
def _synonyms(emoji: str) -> tuple[str, ...]:
    noun = vocabulary.noun(emoji)
    return tuple(sorted(vocabulary.keywords(emoji) - {noun})) or (vocabulary.kind(emoji),)


@cache
def _associations(emoji: str) -> tuple[str, ...]:
    """Keywords that neither contain nor are contained in the name and the kind."""
    kind = vocabulary.kind(emoji)
    known = (*vocabulary.noun(emoji).split(), kind, vocabulary.hypernym(kind))
    return tuple(
        word
        for word in sorted(vocabulary.keywords(emoji))
        if len(word) > 2 and not any(word in other or other in word for other in known)
    )


def _misread(word: str, draw: Draw) -> str:
    place = pick([i for i, letter in enumerate(word) if letter != " "], draw)
    return word[:place] + pick("aeioulnrst", draw) + word[place + 1 :]


def _annotate(answer: str, others: Sequence[str], dissent: float, draw: Draw) -> tuple[str, ...]:
    """Ten answers; each annotator deviates with probability `dissent`, at most six of them."""
    answers = [pick(others, draw) if draw() < dissent else answer for _ in range(ANNOTATORS)]
    for i in range(ANNOTATORS):
        if answers.count(answer) >= MIN_AGREEING:
            break
        answers[i] = answer
    return tuple(answers)
