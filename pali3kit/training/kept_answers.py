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
        self.file, self._head = folder / ANSWERS, f"{_digest(examples)}\n".encode()
        self.found: list[_Answered] = []
        if writes and self.file.exists():
            os.truncate(self.file, self._read())

    @property
    def done(self) -> int:
        """The number of answers that were read."""
        return sum(len(texts) for texts, _ in self.found)

    def _read(self) -> int:
        """Read the whole lines; returns their size in bytes."""
        with self.file.open("rb") as lines:
            if next(lines, b"") != self._head:
                return 0
            size = len(self._head)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                try:
                    texts, images = json.loads(line)
                except (TypeError, ValueError):  # such as the zeros that a power cut leaves
                    break
                self.found.append((texts, [(number, reason) for number, reason in images]))
                size += len(line)
        return size

    def map(
        self,
        ranks: Ranks,
        work: Callable[[Sequence[Example]], _Answered],
        batches: _Batches,
        is_readable: Callable[[int], bool],
    ) -> Iterator[_Answered]:
        """The results of all batches on rank 0, in their order: those that were read, then `work` of the others, which
        are kept as they come.

        A batch with an image that was bad, and `is_readable` by now, is answered again.
        """
        examples, start = list(chain.from_iterable(batches)), 0
        for texts, images in self.found:
            batch = examples[start : start + len(texts)]
            start += len(texts)
            mended = any(reason and is_readable(number) for number, reason in images)
            yield work(batch) if mended else (texts, images)
        rest = examples[ranks.broadcast(self.done) :]
        size = max(map(len, batches), default=1)  # whatever size batches had before
        for result in ranks.map(work, [rest[first : first + size] for first in range(0, len(rest), size)]):
            self._keep(result)
            yield result

    def _keep(self, result: _Answered) -> None:
        with self.file.open("ab") as file:
            file.write(b"" if file.tell() else self._head)
            file.write(f"{json.dumps(result)}\n".encode())
            file.flush()
            os.fsync(file.fileno())


def _digest(examples: Sequence[Example]) -> str:
    hasher = hashlib.sha256()
    for example in examples:
        hasher.update(json.dumps([example.images, example.prompt, example.id]).encode())
    return hasher.hexdigest()
