"""The attributes that sources tell of their examples, and the check that `evaluation.slices` names some of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import islice

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import entry_of
from pali3kit.config.budgets import KeyProblem, known_benchmarks
from pali3kit.config.component import Component
from pali3kit.config.root import measured_source
from pali3kit.config.schema import Experiment
from pali3kit.errors import brief, choose

Attributes = Mapping[str, tuple[str, ...]]
"""The values of each attribute, in order; `()` where any text is one."""
_KEY = "evaluation.slices.by"
_RECORDS, _LINES = "records", 1000  # lines of such a file that are read here


def attributes_of(source: Component) -> Attributes | None:
    """The attributes of a source's examples; None if they are unknown, as those of a plug-in that names none.

    Those of a union are of its sources. Those of `records` are read from the first lines of its test file.
    """
    if source.parts:
        found: dict[str, tuple[str, ...]] = {}
        for part in source.parts.values():
            if (own := attributes_of(part)) is None:
                return None
            found |= own
        return found
    entry = entry_of(source)
    if source.name == _RECORDS:
        return _in_file(str(source.options.get("test") or source.options.get("path")))
    if entry is None or (entry.attributes is None and not entry.built_in):
        return None
    return entry.attributes or {}


def _in_file(path: str) -> Attributes | None:
    """The attributes in the first lines of a file; None where it cannot be read, which other checks report."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        with open(path, encoding="utf-8-sig") as file:
            for line in filter(str.strip, islice(file, _LINES)):
                entry = json.loads(line)
                told = entry.get("attributes") if isinstance(entry, dict) else None
                found |= dict.fromkeys(told, ()) if isinstance(told, dict) else {}
    except (OSError, ValueError, RecursionError):
        return None
    return found


def check_slices(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that each attribute is one of some measured benchmark's examples, and that there are such benchmarks."""
    names = cell.evaluation.slices.by
    asked = [each for each in map(BENCHMARK.find, known_benchmarks(cell)) if each.generated]
    if names and not asked:
        yield _KEY, f"{_KEY}: nothing in evaluate is answered by PaLI, and only answers are sliced."
    if len(set(names)) < len(names):
        yield _KEY, f"{_KEY} names an attribute twice."
    told = [attributes_of(measured_source(cell, each)) for each in asked]
    if None in told:
        return
    known = {name for each in told if each for name in each}
    listed = ", ".join(each.name for each in asked)
    for number, name in enumerate(names if asked else ()):
        if name not in known:
            has = choose(name, known) or " They have none."
            yield f"{_KEY}[{number}]", f"the examples of {listed} have no attribute '{brief(name)}'.{has}"
