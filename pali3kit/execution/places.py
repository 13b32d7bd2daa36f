"""Where artifacts of others lie (`runtime.read_from`): folders, which are only read, and URLs, which are copied from.

Each has the layout of a store: `<kind>-<digest12>/manifest.json` and the files that it lists.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeAlias

from pali3kit.config.paths import PACKAGE, protocol
from pali3kit.config.urls import without_secrets
from pali3kit.durable import sha256_of
from pali3kit.errors import StageError, first_line
from pali3kit.execution.manifest import DIGESTS, MANIFEST, Manifest, find_damage, read_manifest, validate
from pali3kit.plan.step import Step
from pali3kit.storage.systems import open_system

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

SHIPPED = Path(__file__).parents[1] / "shipped"
REPORTED = frozenset({"metrics.json", "predictions.jsonl", "curve.csv", "skipped.txt"})
"""The files of artifacts that reports read."""


class OtherArtifactError(ValueError):
    """The folder of an artifact holds another one."""


class FolderPlace:
    """A folder of artifacts, of which only what is whole is used."""

    def __init__(self, name: str) -> None:
        """`name` as in `runtime.read_from`, or a folder."""
        self.name = name

    @property
    def root(self) -> Path:
        """Its folder, which need not exist."""
        return Path(self.name)

    def has(self, step: Step, digests: bool = True, full: bool = False) -> bool:
        """Whether the artifact of `step` is there and whole; the arguments are those of `find_damage`.

        Raises ValueError, which names the file, where it is damaged; OtherArtifactError where it is another stage's.
        """
        folder = self.root / step.name
        if not folder.is_dir():
            return False
        manifest = read_manifest(folder / MANIFEST)
        _require_digest(manifest, step, str(folder))
        if damage := find_damage(folder, manifest, digests, full):
            raise ValueError(damage)
        return True


class _PackagePlace(FolderPlace):
    """What ships with the package, whose folder may differ between nodes."""

    def __init__(self) -> None:
        super().__init__(PACKAGE)

    @property
    def root(self) -> Path:
        return SHIPPED


class RemotePlace:
    """A store behind a URL, anything that fsspec can open."""

    def __init__(self, name: str) -> None:
        """`name` as in `runtime.read_from`."""
        self.name = name
        self._manifests: dict[str, bytes | None] = {}

    def has(self, step: Step, digests: bool = True, full: bool = False) -> bool:
        """Whether the artifact of `step` is there, by its manifest: its files are verified when they are copied.

        Raises:
            ValueError: it is damaged or another stage's.
            StageError: the URL cannot be opened.
        """
        return self.manifest(step) is not None

    def manifest(self, step: Step) -> Manifest | None:
        """The manifest of an artifact, None where there is none. Raises as `has`."""
        data = self._read(step)
        if data is None:
            return None
        file = f"{self._url(step)}/{MANIFEST}"
        try:
            manifest = validate(data)
        except ValueError as error:
            raise ValueError(f"{file} cannot be read ({error})") from error
        _require_digest(manifest, step, self._url(step))
        if outside := [name for name in manifest["files"] if not _is_inside(name)]:
            raise ValueError(f"{file} lists '{outside[0]}', which is outside of the artifact")
        if undigested := sorted(manifest["files"].keys() - manifest.get(DIGESTS, {}).keys()):
            raise ValueError(f"{file} has no sha256 of {undigested[0]}")
        return manifest

    def copy(self, step: Step, folder: Path, progress: Callable[[int, int], None]) -> None:
        """Copy the artifact of `step` into `folder`, the manifest last; files that are there and whole are kept.

        Args:
            step: whose artifact it is.
            folder: which no other process writes.
            progress: is called with the bytes that are there, and all bytes.

        Raises as `has`; ValueError also where the copy of a file has other bytes than its manifest says.
        """
        data, manifest = self._read(step), self.manifest(step)
        if data is None or manifest is None:
            raise ValueError(f"{self._url(step)} is gone")
        total, done = sum(manifest["files"].values()), 0
        for name, size in manifest["files"].items():
            file, expected = folder / name, manifest[DIGESTS][name]
            if not (file.is_file() and file.stat().st_size == size and sha256_of(file) == expected):
                file.parent.mkdir(parents=True, exist_ok=True)
                self._download(f"{step.name}/{name}", file, partial(_add, progress, done, total))
                if (found := file.stat().st_size) != size:
                    raise ValueError(f"{self._url(step)}/{name} has {found} bytes instead of {size}")
                if sha256_of(file) != expected:
                    raise ValueError(f"{self._url(step)}/{name} has other bytes than were written: its sha256 differs")
            if isinstance(modified := manifest.get("modified", {}).get(name), int):
                os.utime(file, ns=(modified, modified))  # so that it is trusted as in its own store
            done += size
            progress(done, total)
        (folder / MANIFEST).write_bytes(data)

    @cached_property
    def _opened(self) -> tuple[AbstractFileSystem, str]:
        """The file system of fsspec, and the path of the store in it."""
        return open_system(self.name)

    def __getstate__(self) -> dict[str, object]:
        return {"name": self.name, "_manifests": self._manifests}  # a connection stays in its process

    def _url(self, step: Step) -> str:
        return f"{self.name.rstrip('/')}/{step.name}"

    def _read(self, step: Step) -> bytes | None:
        """The bytes of a manifest, None where there is none; read once."""
        if step.digest not in self._manifests:
            try:
                system, root = self._opened
                self._manifests[step.digest] = system.cat_file(f"{root}/{step.name}/{MANIFEST}")
            except FileNotFoundError:
                self._manifests[step.digest] = None
            except Exception as error:  # each file system has exceptions of its own
                raise self._unreachable(error) from None
        return self._manifests[step.digest]

    def _download(self, name: str, file: Path, progress: Callable[[int], None]) -> None:
        from fsspec.callbacks import Callback

        try:
            system, root = self._opened
            callback = Callback(hooks={"progress": lambda size, value, **_: progress(value)})
            system.get_file(f"{root}/{name}", str(file), callback=callback)
        except FileNotFoundError as error:
            raise ValueError(f"{self.name.rstrip('/')}/{name} is missing") from error
        except Exception as error:
            raise self._unreachable(error) from None

    def _unreachable(self, error: Exception) -> StageError:
        told = without_secrets(f"{type(error).__name__}: {first_line(error)}")
        return StageError(
            f"{without_secrets(self.name)} cannot be read ({told}):"
            " run the same command again, or take it out of runtime.read_from to make what it holds."
        )


Place: TypeAlias = FolderPlace | RemotePlace


def open_place(name: str) -> Place:
    """The place that an entry of `runtime.read_from` names; nothing is read yet."""
    if name == PACKAGE:
        return _PackagePlace()
    return RemotePlace(name) if protocol(name) else FolderPlace(name)


def _add(progress: Callable[[int, int], None], before: int, total: int, done: int) -> None:
    progress(before + done, total)


def _require_digest(manifest: Manifest, step: Step, folder: str) -> None:
    if manifest["digest"] != step.digest:
        raise OtherArtifactError(
            f"{folder} holds the artifact {str(manifest['digest'])[:12]}, but {step.label} is {step.digest[:12]}: the "
            "folder was renamed or copied"
        )


def _is_inside(name: str) -> bool:
    """Whether the name of a file stays in its folder, on every system."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\\" not in name
