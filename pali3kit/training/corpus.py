"""Text for a stage: read from a source, tokenized, cut into windows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from pali3kit.data.records import TooManyBad
from pali3kit.data.source import Source
from pali3kit.errors import DataError
from pali3kit.text.denoise import pack
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import StageContext


def windows(texts: Iterable[str], tokenizer: Tokenizer, length: int, most: int) -> np.ndarray:
    """Windows of `length` tokens, int64 `[N, length]`, of the first texts that fill about `most` of them.

    Raises:
        DataError: there is not enough text for one.
    """
    return pack(enough((tokenizer.encode(text, eos=True) for text in texts), most * length), length)


def enough(texts: Iterable[list[int]], tokens: int) -> Iterator[list[int]]:
    """The first of `texts` that together hold `tokens`."""
    for text in texts:
        if tokens <= 0:
            return
        tokens -= len(text)
        yield text


@contextmanager
def listing(source: Source, context: StageContext) -> Iterator[None]:
    """While a source is read: what cannot be used is listed in `skipped.txt`, and stops the stage past a share; what
    filters of texts dropped is counted as by `counting`.
    """
    skips = source.skips
    if skips is None:
        yield
        return
    try:
        with counting(source, context):
            yield
    finally:
        lines = [*source.damages, *skips.lines]
        if lines:
            listed = "".join(f"{line}\n" for line in lines)
            (context.folder / "skipped.txt").write_text(listed, encoding="utf-8", errors="backslashreplace")


@contextmanager
def counting(source: Source, context: StageContext) -> Iterator[None]:
    """While a source is read: too much that cannot be used stops the stage; what filters of texts dropped is counted in
    `filtered.json`.
    """
    skips = source.skips
    if skips is not None:
        skips.most = context.execution.most_bad
    try:
        yield
        if skips is not None:
            skips.judge()
    except TooManyBad:
        raise
    except DataError:
        if skips is not None:
            skips.judge()  # where too much cannot be used, that says more than what came of it
        raise
    finally:
        told = {name: sieve.summary() for name, sieve in source.sieves.items() if sieve.seen}
        if told and context.writes:
            (context.folder / "filtered.json").write_text(
                json.dumps(told, indent=1, ensure_ascii=False), encoding="utf-8", errors="backslashreplace"
            )
