"""Which benchmarks have the words of an external OCR system in their prompts, and where these come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, known_benchmarks
from pali3kit.config.check_packages import missing_packages
from pali3kit.config.component import Component
from pali3kit.config.external_ocr import Ocr
from pali3kit.config.root import measured_source, own_source_key
from pali3kit.config.schema import Experiment

_KEY = "data.ocr.words"
_FILES = ("ocr", "test_ocr")
"""Options of sources that name published words, of the train split and of the test split (by default the same)."""
_ERRORS = "ocr_errors"
"""The option of a source that draws its images and publishes their words: the share of wrong characters."""
ENGINE_PACKAGES = {"rapidocr": ("rapidocr", "onnxruntime"), "tesseract": ("pytesseract",)}
"""What each engine needs, all of which is in the extra `ocr`."""


def ocr_of(cell: Experiment, benchmark: Benchmark) -> Ocr | None:
    """How the words of an OCR system are written into the prompts of a benchmark; None where they are not."""
    return cell.data.ocr if benchmark.ocr and cell.data.ocr.words != "none" else None


def is_measured(cell: Experiment, benchmark: Benchmark) -> bool:
    """Whether a cell measures a benchmark: not if its prompts should have published words and there are none."""
    ocr = ocr_of(cell, benchmark)
    if ocr is None or ocr.words != "published":
        return True
    return any(_files(cell, benchmark)) or _ERRORS in measured_source(cell, benchmark).options


def _files(cell: Experiment, benchmark: Benchmark) -> list[object]:
    """What `_FILES` of a benchmark's source name."""
    return [measured_source(cell, benchmark).options.get(option) for option in _FILES]


def without_words(source: Component) -> Component:
    """A source without the options on which only words in prompts depend, so that all else is shared."""
    unread = (*_FILES, _ERRORS)
    return replace(source, options={key: value for key, value in source.options.items() if key not in unread})


def check_ocr(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that some measured benchmark has the words, and that the engine is installed."""
    words = cell.data.ocr.words
    if words == "none":
        return
    asked = [each for each in map(BENCHMARK.find, known_benchmarks(cell)) if each.ocr]
    if not asked:
        names = ", ".join(each.name for each in BENCHMARK.all() if each.ocr)
        yield _KEY, f"{_KEY} is '{words}', and nothing in evaluate has words in its prompts, as these do: {names}."
    elif not any(is_measured(cell, each) for each in asked):
        listed = ", ".join(each.name for each in asked)
        own = f"{own_source_key(cell, asked[0])}: {{ocr: FILE, test_ocr: FILE}}"
        yield _KEY, f"{_KEY}: none of {listed} has published words: name their files, {own}, or choose an engine."
    for each in asked if words == "published" else ():
        trained, tested = _files(cell, each)
        if tested and not trained:
            key = f"{own_source_key(cell, each)}.ocr"
            yield key, f"{key} should name the words of the train split, as test_ocr names those of the test split."
    yield from missing_packages(_KEY, words, ENGINE_PACKAGES.get(words, ()), "ocr")
