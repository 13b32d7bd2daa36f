"""Read a source's text for a stage: tokenized windows, and limits on unusable samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain

import numpy as np

from pali3kit.data.records import TooManyBad
from pali3kit.data.source import Source
from pali3kit.errors import DataError
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.context import StageContext


def pack_windows(texts: Iterable[str], tokenizer: Tokenizer, length: int, most: int) -> np.ndarray:
    """About `most` windows of `length` tokens, int64 `[N, length]`, of the first texts.

    Raises:
        DataError: there is not enough text for one window.
    """
    taken = _take_tokens((tokenizer.encode(text, eos=True) for text in texts), most * length)
    return _pack(taken, length)


def _pack(texts: Iterable[Sequence[int]], length: int) -> np.ndarray:
    """Join token lists into one stream and cut it into windows, int64 `[N, length]`, dropping an incomplete last one.

    Raises:
        DataError: there is not enough text for one window.
    """
    stream = np.fromiter(chain.from_iterable(texts), dtype=np.int64)
    if len(stream) < length:
        raise DataError(f"the text has {len(stream)} tokens: not enough for one window of {length}")
    return stream[: len(stream) // length * length].reshape(-1, length)


def _take_tokens(texts: Iterable[list[int]], tokens: int) -> Iterator[list[int]]:
    """The first of `texts`, until they have that many `tokens`."""
    for text in texts:
        if tokens <= 0:
            return
        tokens -= len(text)
        yield text


@contextmanager
def record_skipped(source: Source, context: StageContext) -> Iterator[None]:
    """While a source is read: as `limit_skipped`, and list unusable samples in `skipped.txt`, those of rank 0."""
    skips = source.skips
    if skips is None:
        yield
        return
    _ = source.damages  # tars are read for it: before loader processes are forked, so that none of these does it again
    try:
        with limit_skipped(source, context):
            yield
    finally:
        lines = [*source.damages, *skips.lines]
        if lines and context.writes:
            text = "".join(f"{line}\n" for line in lines)
            (context.folder / "skipped.txt").write_text(text, encoding="utf-8", errors="backslashreplace")


@contextmanager
def limit_skipped(source: Source, context: StageContext, gathered: bool = False) -> Iterator[None]:
    """While a source is read: stop the stage if too many samples are unusable, and count in `filtered.json` what text
    filters dropped, in rank 0.

    Where the samples of all ranks are `gathered` and judged together (`training.skipped`), those of this process are
    judged only to explain another error.
    """
    skips = source.skips
    if skips is not None:
        skips.most = 1.0 if gathered else context.execution.max_bad_fraction
    try:
        yield
        if skips is not None:
            skips.judge()
    except TooManyBad:
        raise
    except DataError:
        if skips is not None:
            skips.most = context.execution.max_bad_fraction
            skips.judge()  # too many unusable samples explain the error better
        raise
    finally:
        counts = {name: text_filter.summary() for name, text_filter in source.text_filters.items() if text_filter.seen}
        if counts and context.writes:
            (context.folder / "filtered.json").write_text(
                json.dumps(counts, indent=1, ensure_ascii=False), encoding="utf-8", errors="backslashreplace"
            )
