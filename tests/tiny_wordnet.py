"""A WordNet of a few words in its database format (wndb(5)), for tests where the real one is not installed."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

SYNSETS = {
    "entity": ("n", "", "entity"), "animal": ("n", "entity", "animal"), "dog": ("n", "animal", "dog hound"),
    "cat": ("n", "animal", "cat"), "puppy": ("n", "dog", "puppy"), "walk": ("n", "entity", "walk"),
    "move": ("v", "", "move"), "walk.v": ("v", "move", "walk"), "run.v": ("v", "move", "run"),
    "red": ("a", "", "red"), "quickly": ("r", "", "quickly"),
}  # fmt: skip
"""Key: part of speech, key of the hypernym, words."""
FILES = {"n": "noun", "v": "verb", "a": "adj", "r": "adv"}
TAGGED = {"walk%2:38:00::": 9, "walk%1:04:00::": 2}
EXCEPTIONS = {"verb": "ran run\n"}


def write(root: Path) -> Path:
    """Write `corpora/wordnet` below a folder of NLTK's data; returns that folder."""
    folder = root / "corpora/wordnet"
    folder.mkdir(parents=True)
    for speech, name in FILES.items():
        own = {key: each for key, each in SYNSETS.items() if each[0] == speech}
        lines = {key: _line(key, dict.fromkeys(SYNSETS, 0)) for key in own}
        places, at = dict.fromkeys(SYNSETS, 0), 0
        for key, line in lines.items():
            places[key], at = at, at + len(line)
        (folder / f"data.{name}").write_text("".join(_line(key, places) for key in own))
        senses: dict[str, list[int]] = defaultdict(list)
        for key, (_, _, words) in own.items():
            for word in words.split():
                senses[word].append(places[key])
        index = [f"{word} {speech} 1 0 1 0 {found[0]:08d}  \n" for word, found in sorted(senses.items())]
        (folder / f"index.{name}").write_text("".join(index))
        (folder / f"{name}.exc").write_text(EXCEPTIONS.get(name, ""))
    (folder / "lexnames").write_text("".join(f"{n:02d}\tname{n}\t1\n" for n in range(45)))
    (folder / "index.sense").write_text("")
    (folder / "cntlist.rev").write_text("".join(f"{key} 1 {n}\n" for key, n in sorted(TAGGED.items())))
    return root


def _line(key: str, places: dict[str, int]) -> str:
    """The synset's line of `data.*`, whose length does not depend on the places of others."""
    speech, above, words = SYNSETS[key]
    listed, numbers = words.split(), {"n": 4, "v": 38, "a": 0, "r": 2}
    pointers = f"001 @ {places[above]:08d} {speech} 0000" if above else "000"
    told = " ".join(f"{word} 0" for word in listed)
    frames = " 00" if speech == "v" else ""
    return f"{places[key]:08d} {numbers[speech]:02d} {speech} {len(listed):02x} {told} {pointers}{frames} | none  \n"
