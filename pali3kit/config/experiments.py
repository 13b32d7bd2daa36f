"""The experiments that come with pali3kit, by name: in a checkout beside the package, in an installed one inside it."""

from __future__ import annotations

from pathlib import Path

import pali3kit
from pali3kit.errors import ConfigError, choose

_PACKAGE = Path(pali3kit.__file__).parent
SUFFIX, SCALES = ".yaml", "scales"


def shipped_experiments() -> dict[str, Path]:
    """The files of all shipped experiments by their names, as `ablate_classif` and `public/siglip_b16`."""
    folder = _folder()
    files = [file for file in folder.rglob(f"*{SUFFIX}") if file.parent.name != SCALES]
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in sorted(files)}


def find_scales(folder: Path) -> dict[str, Path]:
    """The files of scales by name: those in `scales/` of an experiment's folder, and shipped ones of other names."""
    return {file.stem: file for place in (_folder(), folder) for file in sorted((place / SCALES).glob(f"*{SUFFIX}"))}


def _folder() -> Path:
    inside = _PACKAGE / "experiments"
    return inside if inside.is_dir() else _PACKAGE.parent / "experiments"


def find_experiment(place: str) -> Path:
    """The file of an experiment: a path, or a name without suffix.

    A name is that of a file in the working folder, else of a shipped experiment. Raises ConfigError, with the nearest
    name, where there is neither.
    """
    path, own = Path(place), Path(f"{place}{SUFFIX}")
    if path.suffix or path.is_file():
        return path
    if own.is_file():
        return own
    shipped = shipped_experiments()
    if place not in shipped and not path.exists():
        raise ConfigError([f"there is no file '{own}' and no shipped experiment '{place}'.{choose(place, shipped)}"])
    return shipped.get(place, path)
