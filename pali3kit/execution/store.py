"""The store of artifacts: one folder per finished stage, published all at once, shared by experiments.

    <store>/<kind>-<digest12>/         published; never changed again
    <store>/work/<kind>-<digest12>/    private to the process that holds <kind>-<digest12>.lock; survives a kill

A folder counts as done when its manifest is there, carries the full digest, and every file that it lists is to the byte
what was written (`intact`). Locks belong to a process (`flock`), so that a killed one leaves none behind. POSIX only.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import yaml

from pali3kit.config.schema import Runtime
from pali3kit.durable import full, sync
from pali3kit.errors import StageError
from pali3kit.execution.host import cores
from pali3kit.execution.intact import changed, missized
from pali3kit.execution.manifest import MANIFEST, Manifest, describe, files_in, parsed, read, sealed
from pali3kit.plan.step import Step

TRACEBACK = "traceback.txt"


class Store:
    """Artifacts under `root`. With `full`, large files too are always verified by their digests."""

    def __init__(self, root: Path, full: bool = False) -> None:
        self.root, self.full = root, full
        self._verified: set[str] = set()

    @classmethod
    def of(cls, runtime: Runtime) -> Store:
        """The store that a configuration names."""
        return cls(Path(runtime.store), runtime.verify == "full")

    def path(self, step: Step) -> Path:
        """Return where the artifact of `step` is, or will be, published."""
        return self.root / step.name

    def work(self, step: Step) -> Path:
        """Return the private folder in which `step` is made."""
        return self.root / "work" / step.name

    def done(self, step: Step) -> bool:
        """Say whether the artifact is there and whole; digests are compared once in the life of this object.

        Raises StageError when the folder is another stage's.
        """
        if not self.path(step).is_dir() or self._damage(step, step.digest not in self._verified) is not None:
            return False
        self._verified.add(step.digest)
        return True

    def missing(self, steps: Iterable[Step]) -> list[Step]:
        """Those of `steps` that are not done, on all cores: every file may have to be read."""
        steps = list(steps)
        with ThreadPoolExecutor(cores()) as pool:
            return [step for step, done in zip(steps, pool.map(self.done, steps), strict=True) if not done]

    def damage(self, step: Step) -> str | None:
        """Say what is wrong with a published folder, or None. Raises StageError when it is another stage's."""
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
        return missized(folder, manifest) or (changed(folder, manifest, self.full) if digests else None)

    def manifest(self, step: Step) -> Manifest:
        """Read the manifest of a published artifact. Raises ValueError when it cannot be read."""
        return read(self.path(step) / MANIFEST)

    def manifests(self) -> Iterator[Manifest]:
        """Yield the manifests of the store, by name; what is none of an artifact is passed over."""
        for file in sorted(self.root.glob(f"*/{MANIFEST}")):
            try:
                manifest = parsed(file.read_bytes())
            except (OSError, ValueError):
                continue
            if {"kind", "digest"} <= manifest.keys():
                yield manifest

    def publish(self, step: Step, seconds: float, threads: int, made_with: Mapping[str, str] | None = None) -> Path:
        """Describe the work folder, write it through to the disk, and rename it into place.

        A damaged artifact that is in the way is replaced. Call it only while holding the lock.
        """
        work, target = self.work(step), self.path(step)
        config = yaml.safe_dump(dict(step.plain), sort_keys=False, allow_unicode=True)
        (work / "config.yaml").write_text(config, encoding="utf-8")
        (work / MANIFEST).unlink(missing_ok=True)
        (work / MANIFEST).write_bytes(sealed(describe(step, work, seconds, threads, made_with or {})))
        for path in (*files_in(work), work):
            sync(path)
        discarded = work.with_suffix(".damaged")
        shutil.rmtree(discarded, ignore_errors=True)  # of whoever was killed here
        if target.exists():
            os.replace(target, discarded)
        os.replace(work, target)
        sync(self.root)
        shutil.rmtree(discarded, ignore_errors=True)
        return target

    @contextmanager
    def lock(self, step: Step) -> Iterator[bool]:
        """Try to become the one process that makes `step`; yields False when another process is."""
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


def disk_full(error: BaseException, root: Path) -> StageError | None:
    """Recognise a full disk in an error, whichever library raised it, and say what to do."""
    chain: BaseException | None = error
    while chain is not None:
        if full(chain):
            return StageError(
                f"no space left on the file system of {root.resolve()}: make room and run the same command again; "
                "finished stages are kept, this one continues from its last checkpoint."
            )
        chain = chain.__cause__ or chain.__context__
    return None


def _is_same(descriptor: int, file: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == file.stat().st_ino
    except FileNotFoundError:
        return False
