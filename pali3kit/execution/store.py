"""The store of artifacts: one folder per finished stage, published atomically, shared by experiments.

    <store>/<kind>-<digest12>/         published; never modified afterwards
    <store>/work/<kind>-<digest12>/    owned by the process that holds <kind>-<digest12>.lock; kept if it is killed

A step is done when its folder has a manifest with the full digest, and every file listed there has the recorded size
and sha256. Locks are released when their process dies (`flock`). POSIX only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml

from pali3kit.config.schema import Runtime
from pali3kit.durable import remove, sync
from pali3kit.errors import StageError
from pali3kit.execution.host import cores
from pali3kit.execution.manifest import (
    MANIFEST,
    Manifest,
    find_damage,
    parse_mapping,
    read_manifest,
    write_manifest,
)
from pali3kit.plan.step import Step
from pali3kit.training.context import UNFINISHED

TRACEBACK, CONFIG = "traceback.txt", "config.yaml"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Store:
    """Artifacts under `root`. With `full`, the digests of files of more than 1 GiB are always verified too."""

    def __init__(self, root: Path, full: bool = False) -> None:
        self.root, self.full = root, full
        self._verified: set[str] = set()

    @classmethod
    def of(cls, runtime: Runtime) -> Store:
        """The store of a configuration (`runtime.store`)."""
        return cls(Path(runtime.store), runtime.verify == "full")

    def path(self, step: Step) -> Path:
        """The folder in which the artifact of `step` is, or will be, published."""
        return self.root / step.name

    def work(self, step: Step) -> Path:
        """The private folder in which `step` runs."""
        return self.root / "work" / step.name

    def done(self, step: Step) -> bool:
        """Whether the artifact is there and undamaged. Digests are compared once in the life of this object.

        Raises StageError if the folder holds another stage's artifact.
        """
        if not self.path(step).is_dir() or self._damage(step, step.digest not in self._verified) is not None:
            return False
        self._verified.add(step.digest)
        return True

    def missing(self, steps: Iterable[Step]) -> list[Step]:
        """The steps that are not done. Checked on all cores, as every file may have to be read."""
        steps = list(steps)
        with ThreadPoolExecutor(cores()) as pool:
            return [step for step, done in zip(steps, pool.map(self.done, steps), strict=True) if not done]

    def damage(self, step: Step) -> str | None:
        """What is wrong with a published folder, or None. Raises StageError if it holds another stage's artifact."""
        return self._damage(step, digests=True)

    def _damage(self, step: Step, digests: bool) -> str | None:
        folder = self.path(step)
        try:
            manifest = self.manifest(step)
        except ValueError as error:
            return str(error)
        if manifest["digest"] != step.digest:
            raise StageError(
                f"{folder} holds the artifact {str(manifest['digest'])[:12]}, but {step.label} is {step.digest[:12]}: "
                "the folder was renamed or copied. Move it away and run the same command again."
            )
        return find_damage(folder, manifest, digests, self.full)

    def manifest(self, step: Step) -> Manifest:
        """Read the manifest of a published artifact. Raises ValueError if it cannot be read."""
        return read_manifest(self.path(step) / MANIFEST)

    def manifests(self) -> Iterator[Manifest]:
        """Yield the manifests of all artifacts, in order of their folders' names; unreadable ones are skipped."""
        for file in sorted(self.root.glob(f"*/{MANIFEST}")):
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
        work, target = self.work(step), self.path(step)
        config = yaml.safe_dump(dict(step.plain), sort_keys=False, allow_unicode=True)
        (work / CONFIG).write_text(config, encoding="utf-8")
        write_manifest(work, step, seconds, threads, made_with or {})
        for path in (*(path for path in work.rglob("*") if path.is_file()), work):
            sync(path)
        for name in UNFINISHED:
            remove(work / name)
        discarded = work.with_suffix(".damaged")
        shutil.rmtree(discarded, ignore_errors=True)  # left by a process that was killed here
        if target.exists():
            os.replace(target, discarded)
        os.replace(work, target)
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

    @contextmanager
    def lock(self, step: Step) -> Iterator[bool]:
        """Try to lock `step` for this process; yields False if another process holds the lock."""
        file = self.work(step).with_suffix(".lock")
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            if not _is_same(descriptor, file):  # its last owner removed it between our open and our lock
                yield False
                return
            try:
                yield True
            finally:
                file.unlink(missing_ok=True)
        finally:
            os.close(descriptor)


def _is_disk_full(error: BaseException) -> bool:
    """Whether an error, of any library, means that the disk is full."""
    return getattr(error, "errno", None) in _FULL or "No space left on device" in str(error)


def _is_same(descriptor: int, file: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == file.stat().st_ino
    except FileNotFoundError:
        return False
