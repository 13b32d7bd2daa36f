"""The corpus: the source's text as one memory-mapped array of token ids, tokenized once for all language models."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pali3kit.config.vocabulary import CODES
from pali3kit.data.source import Source
from pali3kit.plan.kinds.corpus import Config
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.training.calibration import START_UP
from pali3kit.training.clock import clock
from pali3kit.training.components import Artifact, build_source
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageContext, StageCost
from pali3kit.training.corpus import record_skipped
from pali3kit.training.memory_profile import DryRunFinished, in_dry_run
from pali3kit.training.token_file import TokenFile

SEED = 0  # of the texts' order
CHARACTERS = 1 << 16  # tokenized at once
SAVE_SECONDS = 10.0
SAMPLE, PIECES = 500, 2000  # texts for a calibration, and pieces of its tokenizer


def run(config: Config, context: StageContext) -> None:
    """Write `tokens.npy`, uint16 `[tokens]`, or uint32 for a vocabulary of more than 65,536: texts one after the other,
    each with EOS.

    A killed stage reads the texts again, but tokenizes only those that it had not saved.
    """
    tokenizer = Artifact(context.parents["tokenizer"]).tokenizer()
    source = build_source(config.source)
    with record_skipped(source, context), TokenFile(context.folder, len(tokenizer)) as file:
        saved = time.monotonic()
        for texts in _blocks(islice(source.sentences(SEED, config.bins), file.texts, None)):
            ids = _encoded(tokenizer, texts, context.threads)
            file.append(len(texts), ids[: config.limit - file.tokens])
            context.report(file.tokens, config.limit)
            if file.tokens >= config.limit:
                break
            if time.monotonic() - saved > SAVE_SECONDS:
                file.save()
                saved = time.monotonic()
        file.save()
    context.report(config.limit, config.limit)


def _blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """The texts in lists of about `CHARACTERS` characters."""
    block: list[str] = []
    size = 0
    for text in texts:
        block.append(text)
        size += len(text)
        if size >= CHARACTERS:
            yield block
            block, size = [], 0
    if block:
        yield block


def _encoded(tokenizer: Tokenizer, texts: list[str], threads: int) -> np.ndarray:
    """The ids of texts one after the other, each with EOS."""
    return np.fromiter(chain.from_iterable(tokenizer.encode_batch(texts, threads)), dtype=np.int64)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """Seconds per token, reading included. A tokenizer that is not trained yet is replaced by a small one."""
    size = np.dtype(np.uint16 if sizes.vocabulary_size <= 1 << 16 else np.uint32).itemsize
    if in_dry_run():
        raise DryRunFinished(MemoryProfile(0, 0, disk=size))
    source = build_source(config.source)
    with TemporaryDirectory() as folder:
        tokenizer = _tokenizer(source, config, sizes, Path(folder))
    start = clock()
    ids = _encoded(tokenizer, list(islice(source.sentences(SEED, config.bins), SAMPLE)), 1)
    return StageCost((clock() - start) / max(1, len(ids)), START_UP, disk=size)


def _tokenizer(source: Source, config: Config, sizes: ComponentSpecs, folder: Path) -> Tokenizer:
    if sizes.file is not None:
        return Tokenizer(Path(sizes.file), sizes.codes or CODES, rows=sizes.rows)
    path = folder / "tokenizer.model"
    train_tokenizer(source.sentences(SEED, config.bins, SAMPLE), path, PIECES)
    return Tokenizer(path)
