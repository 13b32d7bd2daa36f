"""The tokenizer: SentencePiece trained on the source's text, or an existing file."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from pali3kit.config.vocabulary import CODES
from pali3kit.data.source import Source
from pali3kit.plan.kinds.tokenizer import Config
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.training.clock import clock
from pali3kit.training.components import build_source, write_config
from pali3kit.training.context import ComponentSpecs, StageContext, StageCost
from pali3kit.training.corpus import record_skipped

SAMPLE = 2000  # sentences for a calibration


def run(config: Config, context: StageContext) -> None:
    """Write `tokenizer.model`, and in `config.json` the numbers of mask tokens and rows."""
    context.report(0, 1)
    path, codes = context.folder / "tokenizer.model", config.codes or CODES
    if config.file is not None:
        shutil.copyfile(config.file, path)
    else:
        source = _source(config)
        with record_skipped(source, context):
            _train(source, config, context.seed, config.sentences, path)
    tokenizer = Tokenizer(path, codes, rows=config.rows)
    write_config(context.folder, codes=codes, rows=tokenizer.vocabulary.rows)
    context.report(1, 1)


def calibrate(config: Config, sizes: ComponentSpecs) -> StageCost:
    """The whole cost, extrapolated from a few sentences; a file is only copied."""
    if config.file is not None:
        return StageCost(0.0)
    sample = min(SAMPLE, config.sentences)
    start = clock()
    with TemporaryDirectory() as folder:
        _train(_source(config), config, 0, sample, Path(folder) / "tokenizer.model")
    return StageCost((clock() - start) * config.sentences / sample)


def _source(config: Config) -> Source:
    assert config.source is not None
    return build_source(config.source)


def _train(source: Source, config: Config, seed: int, sentences: int, path: Path) -> None:
    """Train on that many sentences of the source."""
    train_tokenizer(source.sentences(seed, config.bins, sentences), path, config.vocabulary or 0)
