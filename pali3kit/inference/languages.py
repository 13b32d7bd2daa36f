"""The languages that a model was trained and measured in. They are found without torch."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.root import source_of
from pali3kit.config.saved_pali import SavedPaLI
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError, nearest
from pali3kit.plan.plain import component_json
from pali3kit.registry import SOURCE

if TYPE_CHECKING:
    from pali3kit.data.source import Source

ENGLISH = "en"
"""Prompts of questions and of printed words are in English, whatever the data has."""


def known_languages(experiment: Experiment) -> tuple[str, ...]:
    """The codes of the languages that the data of one cell has, and English; sorted.

    They are empty, not known, where it starts from a saved PaLI (`model.from`) that does not record its own.
    """
    own = [source_of(experiment, BENCHMARK.find(name)) for name in experiment.evaluate]
    sources = [experiment.data.source, *filter(None, own)]
    found = {language for source in sources for language in _of_source(json.dumps(component_json(source)))}
    if experiment.model.from_ is None:
        return tuple(sorted({*found, ENGLISH}))
    before = SavedPaLI(Path(experiment.model.from_)).languages
    return tuple(sorted({*found, *before})) if before else ()


def require_language(language: str, known: Sequence[str], model: str) -> None:
    """Raise ConfigError for a code that is not among the `known` ones; nothing where none are known.

    Case does not matter, as prompts write codes in capitals.
    """
    if known and language.lower() not in {each.lower() for each in known}:
        near = nearest(language.lower(), known)
        raise ConfigError([f"{model} was not trained in the language '{language}', but in {', '.join(known)}.{near}"])


@cache
def _of_source(source: str) -> frozenset[str]:
    options = json.loads(source)
    return frozenset(_told(SOURCE.build(options.pop("name"), **options)))


def _told(source: Source) -> Iterator[str]:
    """The languages of captions of all splits, and of questions."""
    from pali3kit.data.annotated import AnnotatedSource
    from pali3kit.data.readers.records import RecordsReader
    from pali3kit.data.union import UnionSource

    if isinstance(source, UnionSource):
        for part in source.parts.values():
            yield from _told(part)
        return
    yield from source.languages
    for reader in source.readers.values() if isinstance(source, AnnotatedSource) else ():
        yield from reader.languages
        yield from reader.asked if isinstance(reader, RecordsReader) else ()
