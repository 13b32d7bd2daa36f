"""The experiment as it was run, in the run's folder: all layers merged, all defaults filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from pali3kit.config.schema import Experiment, Part
from pali3kit.config.tree import parse
from pali3kit.config.typed import Builder
from pali3kit.errors import ConfigError, DataError, Problem

EXPERIMENT = "experiment.yaml"


def plain(value: Any) -> Any:
    """Return a value of the schema as it is written in YAML: dicts, lists and scalars; a part is flat."""
    if isinstance(value, Part):
        return {"name": value.name, **{key: plain(option) for key, option in value.options.items()}}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


def to_yaml(experiment: Experiment) -> str:
    """Return the experiment as a YAML file that needs no scale file beside it."""
    return yaml.safe_dump(plain(experiment), sort_keys=False, allow_unicode=True)


def read(folder: Path) -> Experiment:
    """Read the experiment of a run folder. Raises DataError where there is none, ConfigError where it is spoilt."""
    path = folder / EXPERIMENT
    if not path.is_file():
        raise DataError(f"{folder} is no run folder: it has no {EXPERIMENT}.")
    problems: list[Problem] = []
    tree = parse(path.read_text(encoding="utf-8"), str(path), problems)
    builder = Builder()
    experiment = builder.build(Experiment, tree, "") if tree is not None else None
    if problems := problems + builder.problems:
        raise ConfigError(problems)
    assert isinstance(experiment, Experiment)
    return experiment


def find_store(experiment: Experiment, folder: Path) -> Path:
    """Where the run's artifacts lie: as configured, seen from here, or beside the run's folder.

    Raises DataError when neither is there: a report of nothing would replace the one of the run.
    """
    places = [Path(experiment.runtime.store), folder.parent / Path(experiment.runtime.store).name]
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(map(str, places))
    raise DataError(f"the store of {folder} is not at {looked}: run the command where the experiment was run.")
