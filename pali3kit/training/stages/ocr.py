"""The words that an OCR engine reads in every image of a split, once (Table 2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from pali3kit.config.ocr import ENGINE_PACKAGES
from pali3kit.data.ocr import create_engine
from pali3kit.plan.kinds.ocr import Config
from pali3kit.training.components import build_source
from pali3kit.training.context import StageContext
from pali3kit.training.corpus import record_skipped
from pali3kit.training.ocr_words import WordsFile


def run(config: Config, context: StageContext) -> None:
    """Write `words.jsonl`, the words of each image with their boxes, to which a continued run appends, and
    `engine.json`, the engine with the versions of its packages.

    Images that cannot be decoded have no words there; they are listed in `skipped.txt`.
    """
    source = build_source(config.source, config.image_size)
    with record_skipped(source, context):
        words = WordsFile(context.folder, create_engine(config.engine, context.threads), source, config.split)
        for number in range(config.count):
            reason = words.error(number)
            if source.skips is not None:
                source.skips.count([reason])
            context.report(number + 1, config.count)
    made_with = {"engine": config.engine, "versions": dict(_versions(config.engine))}
    (context.folder / "engine.json").write_text(json.dumps(made_with, indent=1))


def _versions(engine: str) -> Iterator[tuple[str, str]]:
    for package in ENGINE_PACKAGES.get(engine, ()):
        with suppress(PackageNotFoundError):
            yield package, version(package)
