"""The store of artifacts: one folder per finished stage, published atomically, shared by experiments.

    <store>/<kind>-<digest12>/         published; never modified afterwards
    <store>/work/<kind>-<digest12>/    owned by the process that holds <kind>-<digest12>.lock; kept if it is killed

A step is done when its folder, here or in a folder of `runtime.read_from`, has a manifest with the full digest, and
every file listed there has the recorded size and sha256. Locks are those of `locks`. POSIX only.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import yaml

from pali3kit.config.paths import PACKAGE, protocol
from pali3kit.config.runtime import Runtime
from pali3kit.durable import remove, sync
from pali3kit.errors import StageError
from pali3kit.execution.host import cores
from pali3kit.execution.locks import exclusive
from pali3kit.execution.manifest import (
    MANIFEST,
    Manifest,
    parse_mapping,
    read_manifest,
    write_manifest,
)
from pali3kit.execution.places import FolderPlace, OtherArtifactError, Place, RemotePlace, open_place
from pali3kit.plan.step import Step
from pali3kit.training.context import UNFINISHED

TRACEBACK, CONFIG = "traceback.txt", "config.yaml"
LOCK_RETRY_SECONDS = 1.0
"""After which to try again to lock what another process has locked."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CONNECTIONS = 16  # at once, as an answer of a server takes longer than its work


class Store:
    """Artifacts under `root`, and behind it those of other places, which are looked for in their order.

    Where an artifact lies elsewhere is decided once in the life of this object, and holds in copies of it in other
    processes: all see the same. Everything new is written under `root`.

    Attributes:
        root: the folder.
        full: whether the digests of files of more than 1 GiB are always verified too.
        own: `root` as a place.
        places: the other places.
        passed_over: about damaged artifacts that were passed over, a line each.
    """

    def __init__(self, root: Path, full: bool = False, read_from: Iterable[str] = ()) -> None:
        self.root, self.full = root, full
        self.own = FolderPlace(str(root))
        self.places: Sequence[Place] = [open_place(name) for name in read_from]
        self.passed_over: list[str] = []
        self._verified: set[str] = set()
        self._elsewhere: dict[str, Place | None] = {}
        self._rejected: set[tuple[str, str]] = set()

    @classmethod
    def of(cls, runtime: Runtime, root: Path | None = None) -> Store:
        """The store of a configuration; with `root` that of a finished run, which is there, and is read offline."""
        places = [place for place in runtime.read_from if root is None or not protocol(place)]
        return cls(root or Path(runtime.store), runtime.verify == "full", places)

    @property
    def roots(self) -> list[Path]:
        """The folders of artifacts on this machine, the store's own first. Some may not exist."""
        return [place.root for place in (self.own, *self.places) if isinstance(place, FolderPlace)]

    @property
    def shared_roots(self) -> list[Path]:
        """Likewise, without the artifacts that come with the package."""
        return [place.root for place in (self.own, *self.places)
                if isinstance(place, FolderPlace) and place.name != PACKAGE]  # fmt: skip

    def path(self, step: Step) -> Path:
        """The folder of the artifact of `step`: the one that `done` found, else the one where it will be published."""
        return self._folder(step).root / step.name

    def _folder(self, step: Step) -> FolderPlace:
        place = self._elsewhere.get(step.digest)
        return place if isinstance(place, FolderPlace) else self.own

    def work(self, step: Step) -> Path:
        """The private folder in which `step` runs."""
        return self.root / "work" / step.name

    def done(self, step: Step) -> bool:
        """Whether the artifact is on this machine and undamaged. Digests are compared once in the life of this object.

        Raises StageError if its folder under `root` holds another stage's artifact, or a URL cannot be read.
        """
        damage = self._damage(self.own, step, step.digest not in self._verified)
        if damage is None:
            self._verified.add(step.digest)
            self._elsewhere.pop(step.digest, None)  # made or copied here meanwhile, by another process
            return True
        place = self._find_elsewhere(step)
        if place is not None and damage:
            self._pass_over(step, damage)
        return isinstance(place, FolderPlace) and self._has(place, step, digests=False)

    def remote(self, step: Step) -> RemotePlace | None:
        """The URL from which the artifact is to be copied before it is used; None where it is done, or nowhere."""
        place = None if self.done(step) else self._find_elsewhere(step)
        return place if isinstance(place, RemotePlace) else None

    def place(self, step: Step) -> str:
        """The place of an artifact that `done` or `remote` found, as `runtime.store` or `read_from` name it."""
        place = self._elsewhere.get(step.digest)
        return str(self.root) if place is None else place.name

    def absent_places(self) -> list[str]:
        """The folders of `runtime.read_from` that do not exist."""
        return [place.name for place in self.places
                if isinstance(place, FolderPlace) and place.name != PACKAGE and not place.root.is_dir()]  # fmt: skip

    def reject(self, step: Step, reason: str) -> None:
        """Pass over the place of an artifact, as its copy showed that it is damaged; the next place counts."""
        if (place := self._elsewhere.pop(step.digest, None)) is not None:
            self._rejected.add((place.name, step.digest))
            self._pass_over(step, reason)

    def _find_elsewhere(self, step: Step) -> Place | None:
        if step.digest not in self._elsewhere:
            found = (place for place in self.places if self._has(place, step, digests=True))
            self._elsewhere[step.digest] = next(found, None)
        return self._elsewhere[step.digest]

    def _has(self, place: Place, step: Step, digests: bool) -> bool:
        if (place.name, step.digest) in self._rejected:
            return False
        try:
            return place.has(step, digests, self.full)
        except ValueError as error:
            self._pass_over(step, str(error))
            return False

    def _pass_over(self, step: Step, reason: str) -> None:
        if (line := f"{step.label}: {reason}") not in self.passed_over:
            self.passed_over.append(line)

    def missing(self, steps: Iterable[Step]) -> list[Step]:
        """The steps that are not done. Checked on all cores, as every file may have to be read."""
        steps, remote = list(steps), any(isinstance(place, RemotePlace) for place in self.places)
        with ThreadPoolExecutor(max(cores(), _CONNECTIONS) if remote else cores()) as pool:
            return [step for step, done in zip(steps, pool.map(self.done, steps), strict=True) if not done]

    def damage(self, step: Step) -> str | None:
        """What is wrong with an artifact, None where it is whole, "" where there is none.

        Raises StageError if its folder holds another stage's artifact.
        """
        return self._damage(self._folder(step), step, digests=True)

    def _damage(self, place: FolderPlace, step: Step, digests: bool) -> str | None:
        try:
            return None if place.has(step, digests, self.full) else ""
        except OtherArtifactError as error:
            raise StageError(f"{error}. Move it away and run the same command again.") from error
        except ValueError as error:
            return str(error)

    def manifest(self, step: Step) -> Manifest:
        """Read the manifest of a published artifact. Raises ValueError if it cannot be read."""
        return read_manifest(self.path(step) / MANIFEST)

    def manifests(self, root: Path | None = None) -> Iterator[Manifest]:
        """Yield the manifests of all artifacts under `root`, by default the store's own, in order of their folders'
        names; unreadable ones are skipped.
        """
        for file in sorted((root or self.root).glob(f"*/{MANIFEST}")):
            try:
                manifest = parse_mapping(file.read_bytes())
            except (OSError, ValueError):
                continue
            if {"kind", "digest"} <= manifest.keys():
                yield manifest

    def publish(self, step: Step, seconds: float, threads: int, made_with: Mapping[str, str] | None = None) -> Path:
        """Write the manifest of the work folder, flush everything to the disk, and rename the folder into place.

        What a killed stage continues from is removed last: to read a large artifact for its manifest takes minutes. A
        damaged artifact under that name is replaced. Call this only while holding the lock.
        """
        work, target = self.work(step), self.root / step.name
        config = yaml.safe_dump(dict(step.plain), sort_keys=False, allow_unicode=True)
        (work / CONFIG).write_text(config, encoding="utf-8")
        write_manifest(work, step, seconds, threads, made_with or {})
        files, mode = _files(work), (work / CONFIG).stat().st_mode
        for file in files:
            file.chmod(mode)  # safetensors makes files that only their owner can read: a store may be shared
        return self._flush_and_replace(work, files, target, UNFINISHED)

    def copy(self, step: Step, place: RemotePlace, progress: Callable[[int, int], None]) -> None:
        """Copy an artifact from a URL, and publish it. Call this only while holding the lock.

        Whole files of a copy that was broken off are kept, and what a stage has left to continue from is not touched.
        Raises as `RemotePlace.copy`.
        """
        copied, target = self.work(step).with_suffix(".copied"), self.root / step.name
        copied.mkdir(parents=True, exist_ok=True)
        place.copy(step, copied, progress)
        self._flush_and_replace(copied, _files(copied), target)
        self._elsewhere[step.digest] = None

    def _flush_and_replace(
        self, folder: Path, files: Iterable[Path], target: Path, unpublished: Iterable[str] = ()
    ) -> Path:
        """Flush its files to the disk, then rename the folder without `unpublished` to `target`, which is returned.

        What was there is damaged, and removed.
        """
        for path in (*files, folder):
            sync(path)
        for name in unpublished:
            remove(folder / name)
        discarded = self.root / "work" / f"{target.name}.damaged"
        shutil.rmtree(discarded, ignore_errors=True)  # left by a process that was killed here
        if target.exists():
            os.replace(target, discarded)
        os.replace(folder, target)
        sync(self.root)
        shutil.rmtree(discarded, ignore_errors=True)
        return target

    def disk_full(self, error: BaseException) -> StageError | None:
        """An error that says what to do, if `error` or one of its causes, from any library, means a full disk."""
        cause: BaseException | None = error
        while cause is not None:
            if _is_disk_full(cause):
                return StageError(
                    f"no space left on the file system of {self.root.resolve()}: free some and run the same command"
                    " again; finished stages are kept, this one continues from its last checkpoint."
                )
            cause = cause.__cause__ or cause.__context__
        return None

    def lock(self, step: Step) -> AbstractContextManager[bool]:
        """Try to lock `step` for this process; yields False if another process holds the lock."""
        return self.lock_artifact(step.name)

    def lock_artifact(self, name: str) -> AbstractContextManager[bool]:
        """Likewise, by the name of an artifact's folder."""
        return exclusive((self.root / "work" / name).with_suffix(".lock"))


def _files(folder: Path) -> list[Path]:
    """All files below a folder."""
    return [path for path in folder.rglob("*") if path.is_file()]


def _is_disk_full(error: BaseException) -> bool:
    """Whether an error, of any library, means that the disk is full."""
    return getattr(error, "errno", None) in _FULL or "No space left on device" in str(error)
