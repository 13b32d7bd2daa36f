"""Answers as they are generated, in a file from which an evaluation that was killed continues."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from pali3kit.data.task import Example
from pali3kit.training.distributed import Ranks

ANSWERS = "answers.jsonl"
"""The file in the folder of an evaluation, until that is done."""
_Answered = tuple[list[str], list[tuple[int, str]]]
_Batches = Sequence[Sequence[Example]]


class KeptAnswers:
    """The results of batches so far, each a line of the file: answers, and images with why they cannot be read, or "".

    Its first line is a digest of the examples. A file of others is replaced, as nothing in it can be used, and a line
    that was being written as the process ended is dropped.

    Args:
        folder: of the evaluation.
        examples: that are answered, in their order.
        writes: whether this process writes the file, as rank 0 does; others learn from it where to continue.
    """

    def __init__(self, folder: Path, examples: Sequence[Example], writes: bool = True) -> None:
        self.file, self.writes = folder / ANSWERS, writes
        self.found: list[_Answered] = []
        if writes:
            head = f"{_digest(examples)}\n".encode()
            size = self._read(head)
            with self.file.open("ab") as file:
                file.truncate(size)
                file.write(b"" if size else head)

    @property
    def done(self) -> int:
        """The number of answers that were read."""
        return sum(len(texts) for texts, _ in self.found)

    def _read(self, head: bytes) -> int:
        """Read the whole lines; returns their size in bytes."""
        if not self.file.exists():
            return 0
        with self.file.open("rb") as lines:
            if next(lines, b"") != head:
                return 0
            size = len(head)
            for line in lines:
                try:
                    texts, images = json.loads(line) if line.endswith(b"\n") else ()
                except (TypeError, ValueError):  # half a line, or the zeros that a power cut leaves
                    break
                self.found.append((texts, [(number, reason) for number, reason in images]))
                size += len(line)
        return size

    def map(
        self, ranks: Ranks, work: Callable[[Sequence[Example]], _Answered], batches: _Batches
    ) -> Iterator[_Answered]:
        """The results of all batches on rank 0, in their order: those that were read, then `work` of the others, which
        are kept as they come.
        """
        yield from self.found
        done = ranks.broadcast(self.done)
        for result in ranks.map(work, _after(batches, done)):
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(result) + "\n")
                file.flush()
                os.fsync(file.fileno())
            yield result


def _after(batches: _Batches, done: int) -> _Batches:
    """The batches of the examples after the first `done`, as large as they were, whatever size batches had before."""
    examples = list(chain.from_iterable(batches))[done:]
    size = max(map(len, batches), default=1)
    return [examples[start : start + size] for start in range(0, len(examples), size)]


def _digest(examples: Sequence[Example]) -> str:
    hasher = hashlib.sha256()
    for example in examples:
        hasher.update(json.dumps([example.images, example.prompt, example.id]).encode())
    return hasher.hexdigest()
