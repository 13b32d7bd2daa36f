"""Three ranks that score together: run by test_ranks.py as `metric_rank.py FOLDER`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.distributed as dist
from torchmetrics import Metric

from pali3kit.metrics import (
    ANLS,
    CIDEr,
    ExactAccuracy,
    RelabelledAccuracy,
    RelaxedAccuracy,
    RetrievalRecall,
    Segment,
    SegmentationIoU,
    TextVQAAccuracy,
    VQAAccuracy,
    whitespace,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from ranks import run

WORLD = 3
EMPTY = {2: 0, 3: 2}  # the rank that sees nothing, by their number
Batch = tuple[object, ...]


class Case(NamedTuple):
    """A constructor of a metric, and its batches."""

    make: Callable[..., Metric]
    batches: Sequence[Batch]


def cases() -> dict[str, Case]:
    """Every metric with batches of two samples or more, of different sizes."""
    rng = np.random.default_rng(0)
    words = ["a", "café", "日本", "dog\u2028", "runs", "with", "two", "cats"]
    sizes = [2, 3, 4, 2]

    def say() -> str:
        return " ".join(rng.choice(words, int(rng.integers(0, 7))))

    def features(count: int) -> torch.Tensor:
        return torch.from_numpy(rng.normal(size=(count, 5)).astype(np.float32))

    def region() -> tuple[Segment | None, np.ndarray, tuple[int, int, int, int]]:
        y, x = map(int, rng.integers(0, 10, 2))
        mask = np.zeros((24, 30), bool)
        mask[y : y + 9, x : x + 12] = True
        found = Segment((y + 1, x, y + 9, x + 14), rng.normal(0.5, 1, (64, 64)))
        return (found if rng.random() < 0.7 else None), mask, (y, x, y + 9, x + 12)

    texts: list[Batch] = [([say() for _ in range(n)], [[say(), say()] for _ in range(n)]) for n in sizes]
    asked: list[Batch] = [([say()[:5] for _ in range(n)], [[say()[:5]] * 4 + ["dog"] for _ in range(n)]) for n in sizes]
    labels: list[Batch] = [(torch.from_numpy(rng.integers(0, 3, n)), [(0, 2), (), (1,), (2, 1)][:n]) for n in sizes]
    pairs: list[Batch] = [(features(n), features(2 * n - 1), torch.arange(2 * n - 1) // 2) for n in sizes]
    regions: list[Batch] = [tuple(zip(*(region() for _ in range(n)), strict=True)) for n in sizes]
    return {
        "ANLS": Case(ANLS, asked),
        "CIDEr": Case(lambda **options: CIDEr(tokenize=whitespace, **options), texts),
        "ExactAccuracy": Case(ExactAccuracy, asked),
        "RelabelledAccuracy": Case(RelabelledAccuracy, labels),
        "RelaxedAccuracy": Case(RelaxedAccuracy, asked),
        "RetrievalRecall": Case(lambda **options: RetrievalRecall((1, 3), **options), pairs),
        "SegmentationIoU": Case(SegmentationIoU, regions),
        "TextVQAAccuracy": Case(TextVQAAccuracy, asked),
        "VQAAccuracy": Case(VQAAccuracy, asked),
    }


def plain(result: torch.Tensor | dict[str, torch.Tensor]) -> dict[str, float]:
    """A metric's result as JSON."""
    return {name: float(value) for name, value in (result if isinstance(result, dict) else {"": result}).items()}


def together(case: Case, rank: int, working: list[int], group: dist.ProcessGroup) -> list[dict[str, float]]:
    """The result over all ranks of `group`, of which those in `working` get batches; then again after a reset."""
    metric, results = case.make(process_group=group), []
    for number, batch in enumerate(case.batches):
        if rank == working[number % len(working)]:
            metric(*batch) if number % 2 else metric.update(*batch)
    results.append(plain(metric.compute()))
    metric.reset()
    if rank == working[0]:
        metric.update(*case.batches[0])
        other = case.make()
        other.update(*case.batches[1])
        metric.merge_state(other)
    results.append(plain(metric.compute()))
    return results


def main(rank: int, folder: Path) -> None:
    known, found = cases(), {}
    for ranks, empty in EMPTY.items():
        group = dist.new_group(list(range(ranks)))
        working = [each for each in range(ranks) if each != empty]
        for name, case in known.items() if rank < ranks else ():
            found[f"{name} {ranks}"] = together(case, rank, working, group)
    (folder / f"{rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run(WORLD, folder, partial(main, folder=folder))
