"""The languages that a model was trained and measured in. They are found without torch."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.root import source_of
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError, nearest
from pali3kit.plan.content import all_languages_of

ENGLISH = "en"
"""Prompts of questions and of printed words are in English, whatever the data has."""


def known_languages(experiment: Experiment) -> tuple[str, ...]:
    """The codes of the languages that the data of one cell has, and English; sorted.

    They are empty, not known, where it starts from a saved PaLI (`model.from`) that did not record its own.
    """
    own = [source_of(experiment, BENCHMARK.find(name)) for name in experiment.evaluate]
    found = {each for source in [experiment.data.source, *filter(None, own)] for each in all_languages_of(source)}
    if experiment.model.from_ is None:
        return tuple(sorted({*found, ENGLISH}))
    before = experiment.model.start.get("languages")
    return tuple(sorted({*found, *before})) if before else ()


def require_language(language: str, known: Sequence[str], model: str) -> None:
    """Raise ConfigError for a code that is not among the `known` ones; nothing where none are known.

    Case does not matter, as prompts write codes in capitals.
    """
    if known and language.lower() not in {each.lower() for each in known}:
        near = nearest(language.lower(), known)
        raise ConfigError([f"{model} was not trained in the language '{language}', but in {', '.join(known)}.{near}"])
