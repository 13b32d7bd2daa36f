"""The runs that use a store, of which it keeps a record each: `clean` removes nothing that one of them needs."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pali3kit.config import saved
from pali3kit.config.schema import Experiment
from pali3kit.durable import write_atomically
from pali3kit.errors import DataError
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build

_RECORDS = "runs"  # in a store
_BEGIN = "begin"  # a file there, as old as the first record
_DIGITS = 12  # of a digest, as in the names of artifacts


@dataclass(frozen=True)
class KnownRun:
    """A run that uses a store.

    Attributes:
        folder: where its report is written, an absolute path on `host`.
        host: the name of the machine.
        recorded: the experiment as it was last started, YAML; "" for a run that started before stores kept records.
        record: the file in the store.
    """

    folder: Path
    host: str
    recorded: str = ""
    record: Path | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it was on this machine and its folder is no longer there."""
        return self.host == platform.node() and not self.folder.is_dir()

    @cached_property
    def artifacts(self) -> set[str]:
        """The names of all artifacts that it may need: of the experiment, as last started and as last reported, and
        those that its report rests on, which another version of the code may have made.

        Raises DataError where this cannot be told.
        """
        found: set[str] = set()
        try:
            for experiment in self._experiments():
                found |= {step.name for step in build(experiment).steps}
            found |= set(reported_artifacts(self.folder))
        except Exception as error:  # an experiment of another version, a folder of `model.from` that has moved
            raise DataError(f"which artifacts {self.folder} needs cannot be told: {error}") from error
        return found

    def _experiments(self) -> Iterator[Experiment]:
        """As it was last started, and as last reported where that differs."""
        if self.recorded:
            yield saved.parse_experiment(self.recorded, str(self.record))
        if (file := self.folder / saved.EXPERIMENT).is_file() and file.read_bytes() != self.recorded.encode():
            yield saved.read_experiment(self.folder)


def record_run(store: Store, folder: Path, experiment: Experiment) -> list[str]:
    """Record a run in its store, and in the folders that the store reads from; return a line for each that refuses.

    Its folder is made, as a run whose folder is not there is gone.
    """
    place, host = folder.absolute(), platform.node()
    place.mkdir(parents=True, exist_ok=True)
    value = {"folder": str(place), "host": host, "experiment": saved.to_yaml(experiment)}
    text = json.dumps(value, ensure_ascii=False, indent=1) + "\n"
    refusals = []
    for root in filter(Path.is_dir, store.shared_roots):
        try:
            _write(_record_of(root, place, host), text.encode())
        except OSError as error:
            refusals.append(f"{root} cannot record this run ({error.strerror}): `clean` of that store knows it not")
    return refusals


def _write(record: Path, data: bytes) -> None:
    """A record that is the same is left as it is: a run with nothing to do touches nothing."""
    if not record.is_file() or record.read_bytes() != data:
        record.parent.mkdir(parents=True, exist_ok=True)
        if not (begin := record.parent / _BEGIN).exists():
            begin.touch()
        write_atomically(record, data)


def known_runs(store: Path) -> list[KnownRun]:
    """The runs that a store has records of, and those in the folder around it, by their folders.

    Raises DataError where a record is damaged.
    """
    found = {(run.host, run.folder): run for run in map(_read, sorted((store / _RECORDS).glob("*.json")))}
    for file in store.absolute().parent.glob(f"*/{saved.EXPERIMENT}"):
        found.setdefault((platform.node(), file.parent), KnownRun(file.parent, platform.node()))
    return sorted(found.values(), key=lambda run: (run.host, run.folder))


def may_be_of_unknown_run(artifact: Path) -> bool:
    """Whether an artifact, or work on it, is older than the records of its store: runs of then may be anywhere."""
    store = artifact.parent.parent if artifact.parent.name == "work" else artifact.parent
    begin = store / _RECORDS / _BEGIN
    return not begin.exists() or artifact.lstat().st_mtime < begin.stat().st_mtime


def reported_artifacts(folder: Path) -> dict[str, str]:
    """The artifacts that the report of a run folder rests on, and the status of each; none where there is no report."""
    file = folder / saved.REPORT
    if not file.is_file():
        return {}
    stages = json.loads(file.read_bytes())["stages"]
    return {f"{stage['kind']}-{stage['digest'][:_DIGITS]}": str(stage["status"]) for stage in stages}


def _record_of(store: Path, folder: Path, host: str) -> Path:
    name = hashlib.sha256(f"{host}:{folder}".encode()).hexdigest()[:_DIGITS]
    return store / _RECORDS / f"{name}.json"


def _read(file: Path) -> KnownRun:
    try:
        value = json.loads(file.read_bytes())
        return KnownRun(Path(value["folder"]), str(value["host"]), str(value["experiment"]), file)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is no record of a run: {type(error).__name__}: {error}") from error
