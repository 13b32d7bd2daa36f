"""What can be answered about the embedded world's clips without seeing them, and from a single frame.

    python speed/blind_clips.py [--clips 4000] [--test 2000]

The blind guesser gives the most frequent answer of training to each kind of question; of two names in a question, the
one that stands where the right one more often stands. The single frame's observer knows all that the frame shows
(places, what is upside down, the sign's word), and learns which answer is the most frequent where it shows that; it has
the best of sixteen times. Both are measured on test clips.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable

from pali3kit.data.world.clip_source import ClipsReader
from pali3kit.data.world.clips import KINDS, WorldClip
from pali3kit.data.world.vocabulary import noun

TIMES = [(2 * frame + 1) / 32 for frame in range(16)]
BLIND = None  # a time at which nothing is seen
CELL = 8  # pixels: places are told apart as far as this


def named(clip: WorldClip) -> list[int]:
    """The actors of a clip, those that a question names in its order."""
    return sorted(range(len(clip.actors)), key=lambda each: clip.question.find(f"the {noun(clip.actors[each].emoji)}"))


def seen(clip: WorldClip, time: float | None) -> Hashable:
    """All that a frame shows which may tell the answer."""
    if time is BLIND:
        return ()
    actors = [clip.actors[number] for number in named(clip)]
    places = [tuple(side // CELL for side in each.place(time, clip.scene.size / 64)) for each in actors]
    shown = [(each.is_seen(time), each.upside_down[time >= each.turns]) for each in actors]
    return tuple(shown), tuple(places) if clip.kind == "way" else (), clip.kind == "count" and _in_the_air(clip, time)


def _in_the_air(clip: WorldClip, time: float) -> bool:
    actor = clip.actors[0]
    return actor.place(time, 1.0) != actor.start


def answer(clip: WorldClip, time: float | None) -> Hashable:
    """The answer as a class that a guesser can learn: of two names the place, of words whether the frame shows it."""
    if clip.kind in ("turn", "order", "leave"):
        return named(clip).index(0)
    if clip.kind == "sign":
        shown = None if time is BLIND else clip.word if time >= clip.changes else clip.scene.signs[0].word
        return "the word that is seen" if clip.answer == shown else clip.answer
    return clip.answer


def shares(train: Iterable[WorldClip], test: list[WorldClip], time: float | None) -> dict[str, float]:
    """The share of right answers to each kind of question, in percent."""
    counts: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for clip in train:
        counts[clip.kind, seen(clip, time)][answer(clip, time)] += 1
    right, of = Counter[str](), Counter[str]()
    for clip in test:
        known = counts[clip.kind, seen(clip, time)].most_common(1)
        right[clip.kind] += bool(known) and known[0][0] == answer(clip, time)
        of[clip.kind] += 1
    return {kind: 100 * right[kind] / of[kind] for kind in KINDS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=4000)
    parser.add_argument("--test", type=int, default=2000)
    options = parser.parse_args()
    train, test = (
        [reader.clip(number) for number in range(len(reader))]
        for reader in (ClipsReader(split, count, 1, 64, 40, "noto", 0) for split, count in
                       (("train", options.clips), ("test", options.test)))
    )  # fmt: skip
    blind = shares(train, test, BLIND)
    frames = {time: shares(train, test, time) for time in TIMES}
    best = max(frames, key=lambda time: sum(frames[time].values()))
    print("| guesser | " + " | ".join([*KINDS, "mean"]) + " |\n|---|" + "---|" * (len(KINDS) + 1))
    for name, found in (("blind", blind), (f"the frame at {best:.2f}", frames[best])):
        print_row(name, found)
    print_row("the best frame for each kind", {kind: max(found[kind] for found in frames.values()) for kind in KINDS})


def print_row(name: str, found: dict[str, float]) -> None:
    numbers = (*found.values(), sum(found.values()) / len(KINDS))
    print(f"| {name} | " + " | ".join(f"{each:.1f}" for each in numbers) + " |")


if __name__ == "__main__":
    main()
