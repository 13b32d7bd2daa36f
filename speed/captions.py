"""Our CIDEr, BLEU-4 and ROUGE-L against pycocoevalcap's, at the size of COCO's test split: 5,000 images with 5
references.

The captions are the embedded world's. Timed are the metrics alone, on tokenized texts, and CIDEr with its tokenizer,
which in pycocoevalcap is a Java program: a second process, whose processor time is added when processor time is
measured. All start with texts in memory; the largest difference of an image's score is printed.

pycocoevalcap is not a dependency: `pip install --no-deps pycocoevalcap`, and Java for its tokenizer.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from statistics import median

import numpy as np
from _common import counts_processor_time, paired_ratio, print_setup, print_table

from pali3kit.data.world import World, captions
from pali3kit.metrics import bleu, cider, ptb_tokenize, rouge_l, whitespace

REFERENCES = 5
ScoreList = Sequence[float]
Call = Callable[[], ScoreList]


def texts(images: int) -> tuple[list[str], list[list[str]]]:
    """A caption and the references of each scene."""
    world, rng = World(), np.random.default_rng(0)
    scenes = [world.scene("test", number) for number in range(images)]
    known = [list(captions.references(scene, "en"))[:REFERENCES] for scene in scenes]
    return [captions.sample_caption(scene, "en", rng) for scene in scenes], known


def tokenized(said: Sequence[str], known: Sequence[Sequence[str]]) -> tuple[list[str], list[list[str]]]:
    words = map(" ".join, ptb_tokenize(list(chain.from_iterable(known))))
    return list(map(" ".join, ptb_tokenize(said))), [[next(words) for _ in each] for each in known]


def theirs(name: str, said: Sequence[str], known: Sequence[Sequence[str]]) -> ScoreList:
    """The score of each image by a class of pycocoevalcap, from tokenized texts."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    truth, guess = dict(enumerate(known)), {number: [text] for number, text in enumerate(said)}
    if name == "BLEU-4":
        return Bleu(4).compute_score(truth, guess, verbose=0)[1][-1]
    return list({"CIDEr": Cider, "ROUGE-L": Rouge}[name]().compute_score(truth, guess)[1])


def theirs_from_texts(said: Sequence[str], known: Sequence[Sequence[str]]) -> ScoreList:
    """CIDEr with the Java tokenizer."""
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    split = PTBTokenizer().tokenize
    truth = split({number: [{"caption": text} for text in each] for number, each in enumerate(known)})
    guess = split({number: [{"caption": text}] for number, text in enumerate(said)})
    return theirs("CIDEr", [guess[number][0] for number in range(len(said))], [truth[n] for n in range(len(known))])


def seconds(call: Call) -> tuple[float, ScoreList]:
    """Processor seconds of this process and its children where these are measured, else wall-clock seconds."""

    def now() -> float:
        if not counts_processor_time():
            return time.perf_counter()
        spent = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(each.ru_utime + each.ru_stime for each in spent)

    with contextlib.redirect_stderr(io.StringIO()):
        start = now()
        scores = call()
        return now() - start, scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="a hundred images, once")
    options = parser.parse_args()
    images, rounds = (100, 1) if options.tiny else (options.images, options.rounds)
    print_setup("numpy")
    raw = texts(images)
    words = tokenized(*raw)
    split = {"tokenize": whitespace}
    pairs: dict[str, tuple[Call, Call]] = {
        "CIDEr": (lambda: cider(*words, **split)[1], partial(theirs, "CIDEr", *words)),
        "BLEU-4": (lambda: bleu(*words, **split)[1], partial(theirs, "BLEU-4", *words)),
        "ROUGE-L": (lambda: rouge_l(*words, **split)[1], partial(theirs, "ROUGE-L", *words)),
    }
    if shutil.which("java"):
        pairs["CIDEr, from texts"] = (lambda: cider(*raw)[1], partial(theirs_from_texts, *raw))
    rows = []
    for name, calls in pairs.items():
        spent: tuple[list[float], list[float]] = ([], [])
        differences = []
        for number in range(rounds):
            found: list[ScoreList] = [[], []]
            for which in (0, 1) if number % 2 else (1, 0):
                took, found[which] = seconds(calls[which])
                spent[which].append(took)
            differences.append(float(np.abs(np.subtract(*found)).max()))
        ours, peer = map(median, spent)
        ratio = paired_ratio(spent[1], spent[0])
        rows.append([name, f"{ours:.3f}", f"{peer:.3f}", f"{ratio:.1f}", f"{max(differences):.0e}"])
    print_table(["metric", "pali3kit s", "pycocoevalcap s", "theirs / ours", "largest difference"], rows)


if __name__ == "__main__":
    main()
