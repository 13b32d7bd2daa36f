"""`manifest.json` of an artifact: what made it, and the size and sha256 of each of its files, sealed by its own sha256.

Manifests before 0.2 have no digests: only the sizes of their files can be verified.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

from pali3kit import __version__
from pali3kit.durable import PARTIAL_SUFFIX, sha256_of
from pali3kit.execution.host import cores, processor
from pali3kit.execution.workload import shape, units
from pali3kit.plan.step import Step
from pali3kit.training.context import UNFINISHED
from pali3kit.types import Json

MANIFEST = "manifest.json"
LARGE = 1 << 30  # bytes: larger files are trusted by size and modification time, unless verification is full
MAX_NUMBER = 1e18  # for bytes, seconds and every other number in a manifest
SEAL, DIGESTS = "seal", "sha256"
_OF_FILES = ("files", "modified", DIGESTS, SEAL)
REQUIRED = ("kind", "digest", "seconds", "threads", "host", "files")
_PACKAGES = ("torch", "lightning", "numpy")

Manifest: TypeAlias = dict[str, Any]
"""The content of `manifest.json`. Read from disk, its values may be anything."""


def write_manifest(folder: Path, step: Step, seconds: float, threads: int, made_with: Mapping[str, str]) -> None:
    """Write the manifest of the files in `folder`, without unfinished ones; it replaces one that is there."""
    made = {"seconds": round(seconds, 3), "threads": threads, **_circumstances(made_with)}
    seal_manifest(folder, {**_identity(step), **made})


def seal_manifest(folder: Path, made: Mapping[str, Json]) -> None:
    """Write a manifest of what `made` the files in `folder`, with their sizes and digests and its own seal.

    Entries of `made` about the files of another manifest are left out.
    """
    left_out = {folder / name for name in (MANIFEST, *UNFINISHED)}
    written = (path for path in folder.rglob("*") if path.is_file() and path.suffix != PARTIAL_SUFFIX)
    paths = sorted(path for path in written if left_out.isdisjoint((path, *path.parents)))
    files = {path.relative_to(folder).as_posix(): path for path in paths}
    sizes = {name: path.stat().st_size for name, path in files.items()}
    manifest = {
        **{key: value for key, value in made.items() if key not in _OF_FILES},
        "files": sizes,
        "modified": {name: files[name].stat().st_mtime_ns for name, size in sizes.items() if size > LARGE},
        DIGESTS: {name: sha256_of(path) for name, path in files.items()},
    }
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / MANIFEST).write_bytes(_sealed(manifest))


def _sealed(manifest: Manifest) -> bytes:
    """Serialize a manifest; its last key, the seal, is the sha256 of the manifest without it."""
    seal = hashlib.sha256(_serialized(manifest)).hexdigest()
    return _serialized({**manifest, SEAL: seal})


def read_manifest(file: Path) -> Manifest:
    """Read and validate a manifest.

    Raises ValueError, which names the file, where it is missing or damaged: not JSON, without a required key, with a
    value of the wrong type, or with other bytes than its seal says.
    """
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):  # reading a named pipe would block forever
            raise ValueError("it is not a regular file")
        manifest = validate(file.read_bytes())
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{file} cannot be read ({why})") from error
    return manifest


def find_damage(folder: Path, manifest: Manifest, digests: bool = True, full: bool = False) -> str | None:
    """Compare the files of an artifact with its manifest; return the first difference as text, or None.

    Args:
        folder: the artifact.
        manifest: its manifest.
        digests: whether to compare sha256 after the sizes.
        full: whether to read also files of more than 1 GiB whose modification time has not changed.
    """
    for name, size in manifest["files"].items():
        path = folder / name
        if not os.path.isfile(path):  # unlike Path.is_file, this accepts a name that no file can have
            return f"{path} is missing"
        if (found := path.stat().st_size) != size:
            return f"{path} has {found} bytes instead of {size}"
    return _find_changed(folder, manifest, full) if digests else None


def _find_changed(folder: Path, manifest: Manifest, full: bool) -> str | None:
    modified = manifest.get("modified", {})
    for name, expected in manifest.get(DIGESTS, {}).items():
        path = folder / name
        try:
            state = path.stat()
            trusted = state.st_size > LARGE and state.st_mtime_ns == modified.get(name) and not full
            if not trusted and sha256_of(path) != expected:
                return f"{path} has other bytes than were written: its sha256 differs"
        except OSError as error:
            return f"{path} cannot be read ({error.strerror})"
    return None


def validate(data: bytes) -> Manifest:
    """The manifest in the bytes of a file. Raises ValueError, which says what is wrong with them."""
    manifest = parse_mapping(data)
    if missing := [key for key in REQUIRED if key not in manifest]:
        raise ValueError(f"no {missing[0]!r}")
    if wrong := [key for key, is_valid in _VALID.items() if key in manifest and not is_valid(manifest[key])]:
        raise ValueError(f"its {wrong[0]!r} is {str(manifest[wrong[0]])[:40]!r}")
    if SEAL in manifest or DIGESTS in manifest:
        unsealed = {key: value for key, value in manifest.items() if key != SEAL}
        if _sealed(unsealed) != data:
            raise ValueError("it has other bytes than were written")
    return manifest


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def _is_amount(value: object) -> bool:
    """Whether it is a finite, non-negative number; JSON also allows Infinity and integers of a thousand digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MAX_NUMBER


def _has_sizes(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_amount, value.values()))


def _is_host(value: object) -> bool:
    return isinstance(value, dict) and {"processor", "cores"} <= value.keys()


_VALID: Mapping[str, Callable[[object], bool]] = {
    "kind": _is_text,
    "digest": _is_text,
    "units": _is_amount,
    "seconds": _is_amount,
    "threads": _is_amount,
    "host": _is_host,
    "versions": _is_mapping,
    "files": _has_sizes,
    "modified": _is_mapping,
    DIGESTS: _is_mapping,
}
"""The type of each key that other modules read."""


def parse_mapping(data: bytes) -> Manifest:
    """Parse a JSON object. Raises ValueError for anything else."""
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not a mapping")
    return found


def _serialized(manifest: Manifest) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(errors="surrogatepass")


def _identity(step: Step) -> dict[str, Json]:
    """The part of a manifest that the experiment determines."""
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
    """The part of a manifest that describes the machine and the installed versions."""
    return {
        "host": {"processor": processor(), "cores": cores()},
        "versions": {"pali3kit": __version__, **dict(map(_version, _PACKAGES)), **made_with},
    }


def _version(package: str) -> tuple[str, str | None]:
    try:
        return package, version(package)
    except PackageNotFoundError:
        return package, None
