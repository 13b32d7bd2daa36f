"""What a guesser that sees no image scores in each column of a table, on the test examples of an experiment, and what a
perfect reader does, who answers with the true text as the model would have to write it: in so many tokens.

    python speed/blind.py                                                    # Table 1 at the embedded scale
    python speed/blind.py experiments/ablate_classif.yaml scale=quick
    python speed/blind.py experiments/embedded_table2.yaml

A column says something about encoders where a trained row is well above its guesser, which learns from training data:

- probe: one class for all images.
- captions: a text of another scene in the same language; the best of the three most frequent, chosen on the test set.
- questions: the most frequent answer to all questions, to those of a kind, to those with the same first three words, to
  the same question.
- regions: the box whose inside has the highest mean IoU with the masks of training, with corners at multiples of
  a sixteenth of the side; the places that more than a third, a quarter, ... of these masks cover, the best such share;
  and, with masks left aside, the box with the highest mean IoU with their boxes.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, product
from pathlib import Path

import numpy as np
from _common import print_table
from numpy.typing import NDArray

import pali3kit
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.encoder import probe_sets
from pali3kit.config.load import load
from pali3kit.config.root import source_of, task_of
from pali3kit.config.schema import Experiment
from pali3kit.data.benchmark_examples import benchmark_examples
from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.data.world.probes import create_probe
from pali3kit.evals.scores import Answered, EvalResult
from pali3kit.evals.scoring import score
from pali3kit.metrics.segmentation import mask_iou
from pali3kit.registry import SOURCE
from pali3kit.training.components import Artifact

QUESTIONS, TEXTS = 6000, 2000  # training examples that a guesser learns from; of texts and regions
OPENING = 3  # words
MOST = 3  # frequent texts
STEPS = 16  # of corners of boxes, a side
SHARES = (0.1, 0.15, 0.2, 0.25, 1 / 3, 0.5)
Row = tuple[str, str, float]
Scored = Callable[[Sequence[str]], EvalResult]


class Column:
    """The training and test examples of a benchmark."""

    def __init__(self, experiment: Experiment, name: str) -> None:
        self.benchmark, self.experiment, self.bins = BENCHMARK.find(name), experiment, experiment.tokenizer.bins
        chosen = source_of(experiment, self.benchmark) or experiment.data.source
        steps, later = experiment.stages.resolution.steps, experiment.stages.transfer.start == "resolution"
        size = steps[-1].image_size if steps and later else experiment.model.image_size
        self.source: Source = SOURCE.build(chosen.name, image_size=size, **chosen.options)
        data, limit, own = experiment.data, experiment.evaluation.limit, task_of(experiment, self.benchmark)
        few = TEXTS if self.benchmark.every_language or self.benchmark.regions else QUESTIONS
        task = f"{own}_only" if self.benchmark.regions else own  # the expressions of one set
        self.train = benchmark_examples(self.source, name, self.bins, data.train, few, task, split="train")
        self.test = benchmark_examples(self.source, name, self.bins, data.test, limit, own)
        self.captioned = "caption" in own

    def scored(self, answers: Sequence[str]) -> EvalResult:
        return score(self.benchmark.name, Answered(self.test, answers, self.source, None, self.bins))

    def rows(self) -> Iterator[Row]:
        guessers = regions if self.benchmark.regions else captions if self.captioned else questions
        yield from guessers(self)
        if not self.benchmark.regions:
            yield from perfect_reader(self)


def questions(column: Column) -> Iterator[Row]:
    """The score of the most frequent training answers."""
    keys: dict[str, Callable[[Example], str]] = {
        "all questions": lambda example: "",
        **({"per kind": lambda example: example.group} if any(example.group for example in column.train) else {}),
        "per opening": lambda example: " ".join(_question(example).split()[:OPENING]),
        "per question": _question,
    }
    [(usual, _)] = Counter(example.target for example in column.train).most_common(1)
    for name, key in keys.items():
        counts: dict[str, Counter[str]] = {}
        for example in column.train:
            counts.setdefault(key(example), Counter())[example.target] += 1
        answers = [
            counts[known].most_common(1)[0][0] if (known := key(example)) in counts else usual
            for example in column.test
        ]
        yield from _rows(column, f"most frequent answer, {name}", column.scored(answers))


def perfect_reader(column: Column) -> Iterator[Row]:
    """The score of the true answers as far as the model can write them, and how many questions it is shown in whole."""
    stage = column.experiment.stages.multimodal
    artifact = Artifact(next((Path(pali3kit.__file__).parent / "shipped").glob("tokenizer-*")))
    tokenizer = artifact.tokenizer()
    written = [tokenizer.decode(tokenizer.encode(each.target)[: stage.target_length - 1]) for each in column.test]
    yield from _rows(column, "perfect reader", column.scored(written))
    whole = [len(tokenizer.encode(each.prompt)) < stage.prompt_length for each in column.test]
    yield column.benchmark.name, "prompts that fit, %", 100 * sum(whole) / len(whole)


def _question(example: Example) -> str:
    return example.prompt.partition(": ")[2]


def captions(column: Column) -> Iterator[Row]:
    """CIDEr of texts of other scenes, in the language that is asked for."""
    texts: dict[str, list[str]] = {}
    for example in column.train:
        texts.setdefault(example.language, []).append(example.target)
    place: Counter[str] = Counter()
    others = []
    for example in column.test:
        others.append(texts[example.language][place[example.language] % len(texts[example.language])])
        place[example.language] += 1
    yield from _rows(column, "another scene's", column.scored(others))
    usual = {language: [text for text, _ in Counter(each).most_common(MOST)] for language, each in texts.items()}
    best: dict[str, Row] = {}
    for rank in range(MOST):
        answers = [usual[each.language][rank % len(usual[each.language])] for each in column.test]
        for row in _rows(column, "a frequent one", column.scored(answers)):
            best[row[0]] = max(best.get(row[0], row), row, key=lambda each: each[2])
    yield from best.values()


def _rows(column: Column, guesser: str, result: EvalResult) -> Iterator[Row]:
    parts = [each.part for each in column.benchmark.columns if each.part]
    for part in parts:
        yield f"{column.benchmark.name}.{part}", guesser, float(str(result.extra[part]))
    if not parts or column.benchmark.groups:
        yield column.benchmark.name, guesser, result.value


def regions(column: Column) -> Iterator[Row]:
    """Mean IoU of a constant region with the masks, and of a constant box with the boxes."""
    name, parts = column.benchmark.name, (column.train, column.test)
    train, test = (np.stack([each.mask for each in part if each.mask is not None]) for part in parts)
    shape = train.shape[1:]
    yield name, "constant box, filled", _mean_iou(_filled(_best_box(train), shape), test)
    often = train.mean(0)
    shaped = max((often > share for share in SHARES), key=lambda mask: _mean_iou(mask, train))
    yield name, "constant mask", _mean_iou(shaped, test)
    train, test = (np.stack([_filled(each.box, shape) for each in part if each.box is not None]) for part in parts)
    yield name, "constant box, boxes alone", _mean_iou(_filled(_best_box(train), shape), test)


def _best_box(masks: NDArray[np.bool_]) -> tuple[int, ...]:
    """The box with the highest mean IoU of its inside with masks [N,H,W], from sums over corners."""
    height, width = masks.shape[1:]
    sums = np.zeros((len(masks), height + 1, width + 1))
    sums[:, 1:, 1:] = masks.cumsum(1).cumsum(2)
    rows, columns = (np.linspace(0, side, STEPS + 1).round().astype(int).tolist() for side in (height, width))
    best, chosen = -1.0, (0, 0, height, width)
    for (y0, y1), (x0, x1) in product(combinations(rows, 2), combinations(columns, 2)):
        inside = sums[:, y1, x1] - sums[:, y0, x1] - sums[:, y1, x0] + sums[:, y0, x0]
        value = float((inside / (sums[:, -1, -1] + (y1 - y0) * (x1 - x0) - inside)).mean())
        if value > best:
            best, chosen = value, (y0, x0, y1, x1)
    return chosen


def _filled(box: Sequence[int], shape: Sequence[int]) -> NDArray[np.bool_]:
    mask = np.zeros(tuple(shape), np.bool_)
    y0, x0, y1, x1 = box
    mask[y0:y1, x0:x1] = True
    return mask


def _mean_iou(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    return 100 * float(np.mean([mask_iou(mask, each) for each in truth]))


def probe(experiment: Experiment) -> Iterator[Row]:
    """Classes of the embedded tasks are equally frequent."""
    sizes = [len(create_probe(name).classes) for name in probe_sets(experiment)]
    yield "probe", "one class", 100 * sum(1 / size for size in sizes) / len(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("experiment", nargs="?", default="experiments/ablate_classif.yaml")
    parser.add_argument("overrides", nargs="*")
    arguments = parser.parse_args()
    experiment = load(arguments.experiment, arguments.overrides)
    rows = list(probe(experiment)) if "probe" in experiment.evaluate else []
    for name in experiment.evaluate:
        if BENCHMARK.find(name).generated:
            rows += Column(experiment, name).rows()
    print_table(("column", "guesser", "score"), [(name, guesser, f"{value:.1f}") for name, guesser, value in rows])


if __name__ == "__main__":
    main()
