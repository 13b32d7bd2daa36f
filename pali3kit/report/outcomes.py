"""The outcomes of a run in one small file: numbers, intervals, seeds and digests, from which its report is drawn again.

It has no predictions, samples, learning curves or further numbers, so that it can be kept where the artifacts cannot:
in a repository, beside a paper.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.errors import DataError
from pali3kit.report.model import Report
from pali3kit.report.paper import PaperTable, PublishedNumber
from pali3kit.report.statistics import Interval
from pali3kit.types import TypeForm

OUTCOMES = "outcomes.json"
_KEPT = ("name", "seeds", "tables", "notes", "stages", "versions", "config", "slices")
_AS_LISTS = (Interval, PublishedNumber)
_DIGITS = 12  # of a digest, as in the names of artifacts


def outcomes_of(report: Report) -> dict[str, object]:
    """The outcomes as plain JSON values. Fields that have their defaults are left out, and stages that only store
    features.
    """
    measured = {benchmark.kind for benchmark in BENCHMARK.all()}
    stages = tuple(
        replace(stage, digest=stage.digest[:_DIGITS])
        for stage in report.stages
        if STAGE.find(stage.kind).seeded or stage.kind in measured
    )
    kept = replace(report, stages=stages)
    return {name: _plain(getattr(kept, name)) for name in _KEPT if name != "slices" or kept.slices}


def read_outcomes(file: Path) -> Report:
    """The report of an outcomes file, without what the file has not. The paper's table is that of this version.

    Raises DataError where the file is damaged, with the place in it.
    """
    try:
        value = json.loads(file.read_bytes())
        found = {
            name: _typed(hint, value[name], name)
            for name, hint in get_type_hints(Report).items()
            if name in _KEPT and (name in value or name != "slices")  # which files of earlier versions lack
        }
        paper = str(found["config"].get("paper", ""))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{file} has no outcomes of a run: {type(error).__name__}: {error}.") from error
    published = PaperTable.load(paper) if paper else None
    return Report(**found, published=published, details=(), curves=(), figures=(), gallery=())


def _plain(value: object) -> object:
    if isinstance(value, _AS_LISTS):
        return [getattr(value, field.name) for field in fields(value)]
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(own)
            for field in fields(value)
            if (own := getattr(value, field.name)) != field.default
            and (field.default_factory is MISSING or own != field.default_factory())
        }
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _typed(hint: TypeForm, value: Any, place: str) -> Any:
    """The value of JSON as `hint`; raises TypeError with its place where it is none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in (object, Any):
        return value
    if origin in (Union, UnionType):
        return None if value is None else _typed(arguments[0], value, place)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list):
        return tuple(_typed(arguments[0], each, f"{place}[{index}]") for index, each in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {arguments[0](key): _typed(arguments[1], each, f"{place}.{key}") for key, each in value.items()}
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, dict | list):
        names = [field.name for field in fields(hint)]
        given = dict(zip(names, value, strict=True)) if isinstance(value, list) else value
        hints = get_type_hints(hint)
        return hint(**{name: _typed(hints[name], each, f"{place}.{name}") for name, each in given.items()})
    if type(value) is hint or (hint is float and type(value) is int):
        return hint(value)
    raise TypeError(f"{place} is {value!r:.40}")
