"""The content of the weights and data that a configuration refers to: digests, as other content makes another step, and
what there is in a source, which reads its annotations. Answers are kept while files are as they were.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.component import Component
from pali3kit.errors import DataError, RegistryError
from pali3kit.plan.plain import component_json
from pali3kit.registry import SOURCE
from pali3kit.storage.weight_files import find_weights, weights_digest
from pali3kit.types import Json, Named

if TYPE_CHECKING:
    from pali3kit.data.source import Source

BESIDE = (".json", ".model", ".txt", ".py")  # the other files in a model folder of transformers
READINGS = {"hf/": 2, "open_clip/": 2}
"""The version of each library's adapter, raised when it computes other features from the same weights and images."""
_BINS = 1  # of coordinates, where examples are only counted
_HELD = 4  # sources: an experiment reads few files of its own, and the index of a million lines is large
_sha256 = cache(weights_digest)  # files of gigabytes, in every cell


def component_weights_digest(part: Component) -> str:
    """The digest of a component's weights if they are a local file or folder, else ""."""
    folder = part.name.removeprefix("hf/") if part.name.startswith("hf/") else None
    return files_digest(part.options.get("weights"), part.options.get("pretrained"), folder)


def image_weights_digest(part: Component) -> str:
    """The weights' digest of an image model, followed by the version of its library's adapter if that was raised."""
    versions = (f"{library}{version}" for library, version in READINGS.items() if part.name.startswith(library))
    return " ".join(filter(None, (component_weights_digest(part), *versions)))


def files_digest(*candidates: object) -> str:
    """The digest of the first candidate that is a local file or folder, "" if none is.

    That of a model folder of transformers includes its configuration, preprocessing and tokenizer.
    """
    paths = [Path(str(path)) for path in candidates if path and Path(str(path)).exists()]
    if not paths:
        return ""
    weights = _sha256(find_weights(paths[0]))
    others = sorted(file for file in paths[0].glob("*") if file.suffix in BESIDE) if paths[0].is_dir() else []
    if not others:
        return weights
    lines = "".join(f"{file.name} {_sha256(file)}\n" for file in others)
    return sha256(f"{weights}\n{lines}".encode()).hexdigest()


def source_digest(source: Component) -> str:
    """The digest of a source's content, "" if it has none. That of a union depends on the order of its parts."""
    return _content(json.dumps(component_json(source)), os.getcwd())


def size_of_split(source: Component, split: str, part: str = "") -> int | None:
    """Return how many images a split of a source in files has, or one part of a union, which reads its annotations;
    None if it is endless or a union. Raises DataError where its files cannot be read.
    """
    return _size(*_state_of(component_json(source)), split, part)


def has_examples(source: Component, task: str, split: str, count: int) -> bool:
    """Whether any of the first `count` images of a split of `records`, or of a union of such files, may be an example
    of a task, or, for "labels", any train image has a class. Their files can be read: `size_of_split` finds out.
    """
    return _has_examples(*_state_of(component_json(source)), task, split, count)


def why_too_few(source: Named, benchmark: str, bins: int, count: int, task: str = "") -> str:
    """Why the first `count` test images of a source do not have the examples that a score of a benchmark needs; "" if
    they do, or if the source generates them.

    Images are not read, and only as many annotations as a score needs.
    """
    return _too_few(*_state_of(source), benchmark, bins, count, task)


def languages_of(source: Named) -> tuple[str, ...]:
    """The languages in which a source has captions."""
    return _languages(*_state_of(source))


def all_languages_of(source: Component) -> frozenset[str]:
    """The languages of a source's captions, of all splits, and of its questions."""
    return _all_languages(*_state_of(component_json(source)))


def attributes_of_test(source: Component, task: str, count: int, limit: int) -> Sequence[Mapping[str, str]] | None:
    """The attributes of up to `limit` examples of the first `count` test images of a source in files, which reads its
    annotations; None of others.

    Raises DataError where the files cannot be read.
    """
    return _attributes(*_state_of(component_json(source)), task, count, limit)


def _state_of(source: Named) -> tuple[str, str]:
    """What answers on a source are kept by: its JSON, and the working folder with the files that it names as they are,
    which a session may write anew.
    """
    text = json.dumps(source)
    stats = [os.stat(name) for name in _texts(json.loads(text)) if os.path.isfile(name)]
    return text, " ".join([os.getcwd(), *(f"{stat.st_ino} {stat.st_mtime_ns} {stat.st_size}" for stat in stats)])


def _texts(value: Json) -> Iterator[str]:
    """The texts within a value of JSON."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child)


@cache
def _content(source: str, folder: str) -> str:
    """Cached, as a source may have a million files, for the `folder` that its paths are relative to."""
    return _built(source).digest


@cache
def _size(source: str, state: str, split: str, part: str) -> int | None:
    from pali3kit.data.records import RecordSource
    from pali3kit.data.union import UnionSource

    built = _held_source(source, state)
    if part and isinstance(built, UnionSource):
        return built.parts[part].size(split)
    return built.size(split) if isinstance(built, RecordSource) else None


@cache
def _has_examples(source: str, state: str, task: str, split: str, count: int) -> bool:
    built = _held_source(source, state)
    if task == "labels":
        return bool(built.classes)
    try:
        return any(map(len, built.task(task, _BINS).where(split, count)))
    except RegistryError:  # no such task, which other checks report
        return True
    except DataError:  # no part of a union has one
        return False


@cache
def _too_few(source: str, state: str, benchmark: str, bins: int, count: int, task: str) -> str:
    from pali3kit.data.benchmark_examples import benchmark_examples, scorable_indices

    built, options = _held_source(source, state), json.loads(source)
    if built.skips is None:  # a generated source cannot have bad records
        return ""
    built.skips.most = 1.0  # the evaluation step checks the share of bad records
    try:
        fewest = BENCHMARK.find(benchmark).fewest
        scorable_indices(benchmark, benchmark_examples(built, benchmark, bins, count, fewest, task))
    except (DataError, RegistryError) as error:
        bad = "".join(f" Skipped: {line}" for line in list(built.skips.lines)[:1])
        file = options.get("test") or options.get("path") or f"source '{options['name']}'"
        own = f" `pali3kit check-data {file}` tells what is missing." if options["name"] == "records" else ""
        return f"{file}: {error}{bad}{own}"
    return ""


@cache
def _languages(source: str, state: str) -> tuple[str, ...]:
    return tuple(_held_source(source, state).languages)


@cache
def _all_languages(source: str, state: str) -> frozenset[str]:
    return frozenset(_read_languages(_held_source(source, state)))


def _read_languages(source: Source) -> Iterator[str]:
    from pali3kit.data.annotated import AnnotatedSource
    from pali3kit.data.readers.records import RecordsReader
    from pali3kit.data.union import UnionSource

    if isinstance(source, UnionSource):
        for part in source.parts.values():
            yield from _read_languages(part)
        return
    yield from source.languages
    for reader in source.readers.values() if isinstance(source, AnnotatedSource) else ():
        yield from reader.languages
        yield from reader.asked if isinstance(reader, RecordsReader) else ()


@cache
def _attributes(source: str, state: str, task: str, count: int, limit: int) -> tuple[Mapping[str, str], ...] | None:
    from pali3kit.data.records import RecordSource
    from pali3kit.data.task import held_out

    built = _built(source)  # anew: the share of its bad records is judged
    if not isinstance(built, RecordSource):
        return None
    found = held_out(built.task(task, _BINS), "test", min(count, built.size("test")), limit, seed=0)
    return tuple(example.attributes for example in found)


@lru_cache(_HELD)
def _held_source(source: str, state: str) -> Source:
    """The source of a component's JSON, one of those asked for last, as several questions about a file read it once."""
    return _built(source)


def release_sources() -> None:
    """Forget the sources that were read to plan, with the indices of their files; what was answered is kept."""
    _held_source.cache_clear()


def _built(source: str) -> Source:
    options = json.loads(source)
    return SOURCE.build(options.pop("name"), **options)
