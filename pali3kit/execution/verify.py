"""Verify all artifacts of a store, or those of an experiment, and list what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from pali3kit.errors import DataError
from pali3kit.execution.host import cores
from pali3kit.execution.intact import changed, missized
from pali3kit.execution.manifest import DIGESTS, MANIFEST, read
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step

ARTIFACT = re.compile(r".+-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a folder of the store holds, and what is wrong with it, "" where nothing is."""

    damage: str
    files: int = 0
    size: int = 0  # bytes
    digests: bool = False


def verify(store: Store, steps: Sequence[Step] | None = None, console: Console | None = None) -> int:
    """Read every file of the artifacts of `steps`, or of all, and print what is damaged; return how many artifacts are.

    Nothing is changed: the command that made an artifact makes it anew. Raises DataError where there is no store.
    """
    console = console or Console()
    wanted = _artifacts(store.root) if steps is None else [store.path(step) for step in steps]
    if steps is None and not wanted:
        raise DataError(f"{store.root} is no store: it holds no artifacts.")
    folders = [folder for folder in wanted if folder.is_dir()]
    with console.status("reading artifacts"), ThreadPoolExecutor(cores()) as pool:
        verdicts = list(pool.map(judge, folders))
    damages = [verdict.damage for verdict in verdicts if verdict.damage]
    lines = [*damages, _sum(store.root, verdicts, len(damages))]
    if undigested := sum(not verdict.digests for verdict in verdicts if not verdict.damage):
        lines.append(f"{undigested} of them are of version 0.1, which kept no digests: their sizes are right.")
    if absent := len(wanted) - len(folders):
        lines.append(f"{absent} more of the experiment's are not there yet.")
    if damages:
        lines.append("Run the experiment again: what is damaged is made anew.")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return len(damages)


def _artifacts(root: Path) -> list[Path]:
    """The folders of a store that hold an artifact, or should."""
    return sorted(path for path in root.iterdir() if path.is_dir() and ARTIFACT.fullmatch(path.name))


def judge(folder: Path) -> Verdict:
    """Verify one artifact, large files too."""
    try:
        manifest = read(folder / MANIFEST)
    except ValueError as error:
        return Verdict(str(error))
    digests = DIGESTS in manifest
    if folder.name != (name := f"{manifest['kind']}-{str(manifest['digest'])[:12]}"):
        return Verdict(f"{folder} was renamed or copied: it holds {name}", digests=digests)
    damage = missized(folder, manifest) or changed(folder, manifest, full=True) or ""
    return Verdict(damage, len(manifest["files"]), sum(manifest["files"].values()), digests)


def _sum(root: Path, verdicts: Iterable[Verdict], damaged: int) -> str:
    verdicts = list(verdicts)
    files, size = sum(verdict.files for verdict in verdicts), sum(verdict.size for verdict in verdicts)
    found = f"{damaged} damaged" if damaged else "nothing is damaged"
    return f"{root}: {len(verdicts)} artifacts, {files} files, {size / 1e6:.1f} MB: {found}."
