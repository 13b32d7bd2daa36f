"""The experiment as it was run, in the run's folder: layers merged, defaults filled in."""

from __future__ import annotations

from pathlib import Path

import yaml

from pali3kit.config.schema import Experiment
from pali3kit.config.tree import parse
from pali3kit.config.typed import Builder
from pali3kit.config.written import written
from pali3kit.durable import write_atomically
from pali3kit.errors import ConfigError, DataError, Problem

EXPERIMENT, REPORT = "experiment.yaml", "report.json"


def to_yaml(experiment: Experiment) -> str:
    """The experiment as YAML that needs no scale file beside it."""
    return yaml.safe_dump(written(experiment), sort_keys=False, allow_unicode=True)


def write_experiment(experiment: Experiment, folder: Path) -> None:
    """Write the experiment to its run's folder, before it has a report.

    That of another experiment of this name goes: `report` would want the artifacts that it rests on.
    """
    file, content = folder / EXPERIMENT, to_yaml(experiment).encode()
    if not file.is_file() or file.read_bytes() != content:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / REPORT).unlink(missing_ok=True)
        write_atomically(file, content)


def read_experiment(folder: Path, name: str = EXPERIMENT) -> Experiment:
    """Read the experiment of a run folder, or the file `name` that `to_yaml` wrote.

    Raises DataError where there is none, ConfigError where it is invalid.
    """
    path = folder / name
    if not path.is_file():
        raise DataError(f"{folder} is not a run folder: it has no {name}.")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is damaged: not UTF-8 at byte {error.start}: run the experiment again.") from error
    return parse_experiment(text, str(path))


def parse_experiment(text: str, where: str) -> Experiment:
    """The experiment that `to_yaml` wrote; `where` is named in messages. Raises ConfigError where it is invalid."""
    problems: list[Problem] = []
    tree = parse(text, where, problems)
    builder = Builder()
    experiment = builder.experiment(tree) if tree is not None else None
    problems += builder.problems
    if problems or experiment is None:
        raise ConfigError(problems)
    return experiment


def find_store(experiment: Experiment, folder: Path) -> Path:
    """The run's store: at its configured path, relative to the working folder, or beside the run's folder.

    Raises DataError when neither exists: an empty report would replace the run's.
    """
    places = [Path(experiment.runtime.store), folder.parent / Path(experiment.runtime.store).name]
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(map(str, dict.fromkeys(places)))
    raise DataError(f"the store of {folder} is not at {looked}: run the command where the experiment was run.")
