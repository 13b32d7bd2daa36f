"""Clips of the embedded world: short scenes in which one thing happens, and what can be asked about it.

No single frame answers a question: which way a thing moves, which of two turns over (the other may be upside down
all the time), whether two swap places, which comes or leaves first, how often one jumps, what a sign said first or
says last.
Times are shares of a clip, from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from pali3kit.data.world import atlas, palette, render
from pali3kit.data.world.chance import choice
from pali3kit.data.world.english import indefinite, is_or_are
from pali3kit.data.world.scene import Scene, Sign
from pali3kit.data.world.vocabulary import noun
from pali3kit.data.world.words import SPLITS, invented_words

CLIPS_VERSION = 2  # must be raised when the same options give other clips; that of scenes is another one
SIDE = 20  # longer side of a thing, in pixels of a 64-pixel image
LETTER, MARGIN = 11, 2  # height of a sign's capitals, and the edge of its plate, likewise
HEIGHT, WAY = 14, 16  # of a jump, and the length of a way, likewise
JUMP, GAP = 0.09, 0.1  # how long a jump lasts, and the least time between events: 16 frames see all of them
WAYS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
TIMES = ("once", "twice", "three times")
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Actor:
    """A thing that moves from `start` to `end`, places of its top left corner: evenly, or at once at the time `moves`.

    It is seen from the time `enters` on, until it `leaves`. At the time `turns` it goes from the first of `upside_down`
    to the second.
    """

    emoji: str
    start: Place
    end: Place
    moves: float | None = None
    enters: float = 0.0
    leaves: float = math.inf
    upside_down: tuple[bool, bool] = (False, False)
    turns: float = 0.5
    jumps: tuple[float, ...] = ()

    def place(self, time: float, unit: float) -> Place:
        """Where it is at a time; `unit` is a pixel of a 64-pixel image."""
        done = time if self.moves is None else float(time >= self.moves)
        y, x = (round(first + (last - first) * done) for first, last in zip(self.start, self.end, strict=True))
        jumping = any(begin <= time < begin + JUMP for begin in self.jumps)
        return y - round(HEIGHT * unit) * jumping, x

    def is_seen(self, time: float) -> bool:
        return self.enters <= time < self.leaves


@dataclass(frozen=True, slots=True)
class WorldClip:
    """A clip: a scene without things, with the sign of its first frame, the actors, and what is told about it.

    At the time `changes` the sign shows `word`. `kind` is that of its question.
    """

    kind: str
    scene: Scene
    actors: tuple[Actor, ...]
    question: str
    answer: str
    captions: tuple[str, ...]
    changes: float = 1.0
    word: str = ""

    def frame(self, time: float) -> np.ndarray:
        """What is seen at a time, uint8 `[size,size,3]`."""
        scene, unit = self.scene, self.scene.size / 64
        if scene.signs and time >= self.changes:
            scene = replace(scene, signs=(replace(scene.signs[0], word=self.word),))
        canvas = render.render(scene)
        for actor in self.actors:
            if actor.is_seen(time):
                sprite = atlas.scaled_sprite(actor.emoji, scene.artist, round(SIDE * unit))
                turned = actor.upside_down[time >= actor.turns]
                render.paste(canvas, sprite[::-1] if turned else sprite, *actor.place(time, unit))
        return canvas


def compose_clip(emoji: Sequence[str], artist: str, size: int, seed: int, split: str, index: int) -> WorldClip:
    """Clip `index` of a split, a function of the arguments alone."""
    rng = np.random.Generator(np.random.PCG64([CLIPS_VERSION, seed, SPLITS.index(split), index]))
    first, second = (emoji[number] for number in rng.choice(len(emoji), 2, replace=False))
    background, texture = choice(rng, tuple(palette.BACKGROUNDS)), choice(rng, palette.TEXTURES)
    shade, sample = int(rng.integers(-14, 15)), int(rng.integers(render.TEXTURE_SAMPLES))
    y, x = (int(side) for side in rng.integers(size, size=2))
    scene = Scene(split, index, size, artist, background, texture, (), (), shade, (sample, y, x))
    kind = choice(rng, tuple(KINDS))
    return KINDS[kind](partial(WorldClip, kind), scene, rng, first, second)


def _halves(rng: np.random.Generator, size: int) -> tuple[Place, Place]:
    """Places in the left and the right half, in random order, with room for a jump above."""
    side, half = round(SIDE * size / 64), size // 2
    tops = rng.integers(round(HEIGHT * size / 64), size - side + 1, size=2).tolist()
    lefts = rng.integers(0, half - side + 1, size=2).tolist()
    places = [(tops[0], lefts[0]), (tops[1], half + lefts[1])]
    first = int(rng.integers(2))
    return places[first], places[1 - first]


def _time(rng: np.random.Generator) -> float:
    """When something happens at once: after the first quarter and before the last."""
    return 0.25 + 0.5 * float(rng.random())


Make = Callable[..., WorldClip]


def _moves(make: Make, scene: Scene, rng: np.random.Generator, emoji: str, other: str) -> WorldClip:
    """The middle of the way is anywhere and the way short, so that the place in one frame says little about it; its
    ends may be partly outside.
    """
    way, length = choice(rng, tuple(WAYS)), round(WAY * scene.size / 64)
    middle = rng.integers(0, scene.size - round(SIDE * scene.size / 64) + 1, size=2).tolist()
    start, end = (
        (middle[0] + sign * WAYS[way][0] * length // 2, middle[1] + sign * WAYS[way][1] * length // 2)
        for sign in (-1, 1)
    )
    name, verb = noun(emoji), _verb(emoji, "moves", "move")
    captions = (f"the {name} {verb} {way}", f"{indefinite(name)} {verb} {way}", f"{indefinite(name)} going {way}")
    does = "do" if is_or_are(name) == "are" else "does"
    return make(scene, (Actor(emoji, start, end),), f"which way {does} the {name} move?", way, captions)


def _turns(make: Make, scene: Scene, rng: np.random.Generator, emoji: str, other: str) -> WorldClip:
    """The thing that stays may be upside down all the time."""
    places, before, still = _halves(rng, scene.size), bool(rng.integers(2)), bool(rng.integers(2))
    actors = (
        Actor(emoji, places[0], places[0], upside_down=(before, not before), turns=_time(rng)),
        Actor(other, places[1], places[1], upside_down=(still, still)),
    )
    name, beside, verb = noun(emoji), noun(other), _verb(emoji, "turns", "turn")
    one, two = (name, beside) if rng.integers(2) else (beside, name)
    captions = (f"the {name} {verb} over", f"{indefinite(name)} {verb} over beside {indefinite(beside)}")
    return make(scene, actors, f"which turns over, the {one} or the {two}?", name, captions)


def _swaps(make: Make, scene: Scene, rng: np.random.Generator, emoji: str, other: str) -> WorldClip:
    places, swaps, time = _halves(rng, scene.size), bool(rng.integers(2)), _time(rng)
    ends = places[::-1] if swaps else places
    actors = tuple(
        Actor(each, start, end, moves=time) for each, start, end in zip((emoji, other), places, ends, strict=True)
    )
    name, beside = noun(emoji), noun(other)
    what = "swap places" if swaps else "stay where they are"
    captions = (f"the {name} and the {beside} {what}", f"{indefinite(name)} and {indefinite(beside)} {what}")
    question = f"do the {name} and the {beside} swap places?"
    return make(scene, actors, question, "yes" if swaps else "no", captions)


def _enters(make: Make, scene: Scene, rng: np.random.Generator, emoji: str, other: str) -> WorldClip:
    """One comes, then the other."""
    places, (first, second) = _halves(rng, scene.size), _moments(rng)
    actors = (Actor(emoji, places[0], places[0], enters=first), Actor(other, places[1], places[1], enters=second))
    return make(scene, actors, *_told_in_order(rng, emoji, other, "come"))


def _leaves(make: Make, scene: Scene, rng: np.random.Generator, emoji: str, other: str) -> WorldClip:
    """Both are there, one leaves, then the other."""
    places, (first, second) = _halves(rng, scene.size), _moments(rng)
    actors = (Actor(emoji, places[0], places[0], leaves=first), Actor(other, places[1], places[1], leaves=second))
    return make(scene, actors, *_told_in_order(rng, emoji, other, "leave"))


def _moments(rng: np.random.Generator) -> tuple[float, float]:
    """When two things happen one after the other, so that the sixteen frames see what is before, between and after."""
    first = 0.15 + float(rng.random()) * (0.7 - GAP)
    return first, first + GAP + float(rng.random()) * (0.85 - GAP - first)


def _told_in_order(rng: np.random.Generator, emoji: str, other: str, verb: str) -> tuple[str, str, tuple[str, ...]]:
    """Question, answer and captions where two things do the same, `emoji` before `other`."""
    name, beside = noun(emoji), noun(other)
    one, two = (name, beside) if rng.integers(2) else (beside, name)
    does = _verb(emoji, f"{verb}s", verb)
    captions = (f"the {name} {does} before the {beside}", f"{indefinite(name)} {does}, then {indefinite(beside)}")
    return f"which {verb}s first, the {one} or the {two}?", name, captions


def _jumps(make: Make, scene: Scene, rng: np.random.Generator, emoji: str, other: str) -> WorldClip:
    """Up to three jumps, each in a third of the clip of its own."""
    places, times = _halves(rng, scene.size), 1 + int(rng.integers(3))
    thirds = sorted(rng.choice(3, times, replace=False).tolist())
    jumps = tuple(third / 3 + float(rng.random()) * (1 / 3 - JUMP - GAP) + GAP / 2 for third in thirds)
    actors = (Actor(emoji, places[0], places[0], jumps=jumps), Actor(other, places[1], places[1]))
    name, verb = noun(emoji), _verb(emoji, "jumps", "jump")
    captions = (
        f"the {name} {verb} {TIMES[times - 1]}",
        f"{indefinite(name)} {verb} {TIMES[times - 1]} beside {indefinite(noun(other))}",
    )
    does = "do" if is_or_are(name) == "are" else "does"
    return make(scene, actors, f"how often {does} the {name} jump?", TIMES[times - 1], captions)


def _changes(make: Make, scene: Scene, rng: np.random.Generator, emoji: str, other: str) -> WorldClip:
    """A sign changes its word, and either one is asked for."""
    words = invented_words(scene.split)
    first, second = (words[number] for number in rng.choice(len(words), 2, replace=False))
    unit = scene.size / 64
    letter, margin = round(LETTER * unit), round(MARGIN * unit)
    sides = [atlas.printed_word(word, letter).shape for word in (first, second)]
    height, width = max(side[0] for side in sides) + 2 * margin, max(side[1] for side in sides) + 2 * margin
    top, left = int(rng.integers(0, scene.size - height + 1)), int(rng.integers(0, scene.size - width + 1))
    colour = choice(rng, [name for name in palette.PLATES if name != scene.background])
    signed = replace(scene, signs=(Sign(first, colour, (top, left, top + height, left + width), letter),))
    last = bool(rng.integers(2))
    question = f"what does the sign say {'in the end' if last else 'at first'}?"
    captions = (f"the sign says {first} then {second}", f"a sign changes from {first} to {second}")
    return make(signed, (), question, second if last else first, captions, _time(rng), second)


def _verb(emoji: str, singular: str, plural: str) -> str:
    """The form of a verb that agrees with a thing's name."""
    return plural if is_or_are(noun(emoji)) == "are" else singular


KINDS: dict[str, Callable[[Make, Scene, np.random.Generator, str, str], WorldClip]] = {
    "way": _moves, "turn": _turns, "swap": _swaps, "order": _enters, "leave": _leaves, "count": _jumps,
    "sign": _changes,
}  # fmt: skip
"""What happens in clips, all equally often."""
