"""What an artifact says of itself: what made it, and the size and digest of each of its files, its own included.

Manifests before 0.2 have no digests: of their artifacts, only sizes can be verified.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

from pali3kit import __version__
from pali3kit.durable import digest
from pali3kit.execution.host import cores, processor
from pali3kit.execution.workload import shape, units
from pali3kit.plan.step import Step
from pali3kit.types import Json

MANIFEST = "manifest.json"
LARGE = 1 << 30  # bytes: larger files are known by their size and time, unless all is to be verified
MOST = 1e18  # of bytes, seconds and whatever else a manifest counts
SEAL, DIGESTS = "seal", "sha256"
ALWAYS = ("kind", "digest", "seconds", "threads", "host", "files")
_PACKAGES = ("torch", "lightning", "numpy")

Manifest: TypeAlias = dict[str, Any]
"""What `manifest.json` says of an artifact: who reads it from disk must expect anything."""


def describe(step: Step, folder: Path, seconds: float, threads: int, made_with: Mapping[str, str]) -> Manifest:
    """The manifest of what lies in `folder`."""
    files = {path.relative_to(folder).as_posix(): path for path in files_in(folder) if path != folder / MANIFEST}
    sizes = {name: path.stat().st_size for name, path in files.items()}
    return {
        **_identity(step),
        "seconds": round(seconds, 3),
        "threads": threads,
        **_circumstances(made_with),
        "files": sizes,
        "modified": {name: files[name].stat().st_mtime_ns for name, size in sizes.items() if size > LARGE},
        DIGESTS: {name: digest(path) for name, path in files.items()},
    }


def files_in(folder: Path) -> list[Path]:
    """All files of a folder and those below it."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def sealed(manifest: Manifest) -> bytes:
    """The file of a manifest; its last key is the digest of all that stands before."""
    seal = hashlib.sha256(_written(manifest)).hexdigest()
    return _written({**manifest, SEAL: seal})


def read(file: Path) -> Manifest:
    """Read a manifest.

    Raises ValueError, which names the file, where there is none or it is damaged: it is no JSON, lacks what all of them
    say, says it in no sense, or is not to the byte what was written.
    """
    try:
        if file.exists() and not (file.is_file() or file.is_dir()):  # a pipe would be waited for without end
            raise ValueError("it is no file")
        data = file.read_bytes()
        manifest = parsed(data)
        _judge(manifest, data)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{file} cannot be read ({why})") from error
    return manifest


def _judge(manifest: Manifest, data: bytes) -> None:
    if missing := [key for key in ALWAYS if key not in manifest]:
        raise ValueError(f"no {missing[0]!r}")
    if wrong := [key for key, is_right in _RIGHT.items() if key in manifest and not is_right(manifest[key])]:
        raise ValueError(f"its {wrong[0]!r} is {str(manifest[wrong[0]])[:40]!r}")
    if SEAL in manifest or DIGESTS in manifest:
        unsealed = {key: value for key, value in manifest.items() if key != SEAL}
        if sealed(unsealed) != data:
            raise ValueError("it has other bytes than were written")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_mapping(value: object) -> bool:
    return isinstance(value, dict)


def _is_amount(value: object) -> bool:
    """Whether it is a number that can be counted with: JSON knows Infinity, and numbers of a thousand digits."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MOST


def _has_sizes(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_amount, value.values()))


def _is_host(value: object) -> bool:
    return isinstance(value, dict) and {"processor", "cores"} <= value.keys()


_RIGHT: Mapping[str, Callable[[object], bool]] = {
    "kind": _is_text,
    "digest": _is_text,
    "units": _is_amount,
    "seconds": _is_amount,
    "threads": _is_amount,
    "host": _is_host,
    "versions": _is_mapping,
    "files": _has_sizes,
}
"""What those who read a manifest rely on."""


def parsed(data: bytes) -> Manifest:
    """The mapping that a JSON text holds. Raises ValueError where it holds none."""
    try:
        found = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("no mapping")
    return found


def _written(manifest: Manifest) -> bytes:
    return (json.dumps(manifest, indent=2, ensure_ascii=False) + "\n").encode(errors="surrogatepass")


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
