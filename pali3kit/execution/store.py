"""The store of artifacts: one folder per finished stage, published all at once, shared by experiments.

    <store>/<kind>-<digest12>/         published; never changed again
    <store>/work/<kind>-<digest12>/    private to the process that holds <kind>-<digest12>.lock; survives a kill

A folder counts as done when its manifest is there, carries the full digest, and every file that it lists has the
size that it lists. Locks belong to a process (`flock`), so that a killed one leaves none behind. POSIX only.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from pali3kit import __version__
from pali3kit.errors import StageError
from pali3kit.execution.host import cores, processor
from pali3kit.execution.workload import shape, units
from pali3kit.plan.step import Step
from pali3kit.types import Json

MANIFEST = "manifest.json"
TRACEBACK = "traceback.txt"
_PACKAGES = ("torch", "lightning", "numpy")

Manifest: TypeAlias = dict[str, Any]
"""What `manifest.json` says of an artifact: who reads it from disk must expect anything."""


class Store:
    """Artifacts under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, step: Step) -> Path:
        """Return where the artifact of `step` is, or will be, published."""
        return self.root / step.name

    def work(self, step: Step) -> Path:
        """Return the private folder in which `step` is made."""
        return self.root / "work" / step.name

    def done(self, step: Step) -> bool:
        """Say whether the artifact is there and whole. Raises StageError when the folder is another stage's."""
        return self.path(step).is_dir() and self.damage(step) is None

    def damage(self, step: Step) -> str | None:
        """Say what is wrong with a published folder, or None. Raises StageError when it is another stage's."""
        folder = self.path(step)
        try:
            manifest = self.manifest(step)
            files, digest = dict(manifest["files"]), manifest["digest"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            return f"{folder / MANIFEST} cannot be read ({type(error).__name__})"
        if digest != step.digest:
            raise StageError(
                f"{folder} holds the artifact {str(digest)[:12]}, but {step.label} is {step.digest[:12]}: "
                "the folder was renamed or copied. Move it away and run the same command again."
            )
        for name, size in files.items():
            if not (folder / name).is_file():
                return f"{folder / name} is missing"
            if (found := (folder / name).stat().st_size) != size:
                return f"{folder / name} has {found} bytes instead of {size}"
        return None

    def manifest(self, step: Step) -> Manifest:
        """Read the manifest of a published artifact. Raises OSError or ValueError when it cannot be read."""
        manifest: Manifest = json.loads((self.path(step) / MANIFEST).read_text(encoding="utf-8"))
        return manifest

    def manifests(self) -> Iterator[Manifest]:
        """Yield the manifests of the store, by name; what is none of an artifact is passed over."""
        for file in sorted(self.root.glob(f"*/{MANIFEST}")):
            try:
                manifest = json.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(manifest, dict) and {"kind", "digest"} <= manifest.keys():
                yield manifest

    def publish(self, step: Step, seconds: float, threads: int, made_with: Mapping[str, str] | None = None) -> Path:
        """Describe the work folder, write it through to the disk, and rename it into place.

        A damaged artifact that is in the way is replaced. Call it only while holding the lock.
        """
        work, target = self.work(step), self.path(step)
        config = yaml.safe_dump(dict(step.plain), sort_keys=False, allow_unicode=True)
        (work / "config.yaml").write_text(config, encoding="utf-8")
        (work / MANIFEST).unlink(missing_ok=True)
        files = {path.relative_to(work).as_posix(): path.stat().st_size for path in _files(work)}
        manifest = {
            **_identity(step),
            "seconds": round(seconds, 3),
            "threads": threads,
            **_circumstances(made_with or {}),
            "files": files,
        }
        (work / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in (*_files(work), work):
            _sync(path)
        if target.exists():
            discarded = work.with_suffix(".damaged")
            os.replace(target, discarded)
            shutil.rmtree(discarded)
        os.replace(work, target)
        _sync(self.root)
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
        if getattr(chain, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(chain):
            return StageError(
                f"no space left on the disk of {root.resolve()}: make room and run the same command again; "
                "finished stages are kept, this one continues from its last checkpoint."
            )
        chain = chain.__cause__ or chain.__context__
    return None


def _identity(step: Step) -> dict[str, Json]:
    """Return the part of a manifest that is a function of the experiment."""
    return {
        "kind": step.kind,
        "label": step.label,
        "digest": step.digest,
        "version": step.version,
        "seed": step.seed,
        "config": dict(step.plain),
        "parents": {role: parent.digest for role, parent in step.parents.items()},
        "units": units(step),
        "shape": shape(step),
    }


def _circumstances(made_with: Mapping[str, str]) -> Mapping[str, Json]:
    """Return the part of a manifest that says where the artifact was made."""
    return {
        "host": {"processor": processor(), "cores": cores()},
        "versions": {"pali3kit": __version__, **dict(map(_version, _PACKAGES)), **made_with},
    }


def _version(package: str) -> tuple[str, str | None]:
    try:
        return package, version(package)
    except PackageNotFoundError:
        return package, None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_same(descriptor: int, file: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == file.stat().st_ino
    except FileNotFoundError:
        return False
