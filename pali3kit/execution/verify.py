"""Verify all artifacts of a store, or those of an experiment, and list the damage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from pali3kit.errors import DataError, counted
from pali3kit.execution.host import cores
from pali3kit.execution.manifest import DIGESTS, MANIFEST, find_damage, read_manifest
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.streams import new_console

ARTIFACT = re.compile(r".+-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The size of an artifact, and what is wrong with it: "" where nothing is."""

    damage: str
    files: int = 0
    size: int = 0  # bytes
    has_digests: bool = False
    root: Path = Path()  # of the store that it is in


def verify_store(store: Store, steps: Sequence[Step] | None = None, console: Console | None = None) -> int:
    """Read every file of the artifacts of `steps` (default: all), print the damage, return the number of damaged ones.

    Artifacts of `steps` are looked for as a run does, on this machine only: where one is damaged or absent, in the next
    place. Nothing is modified: running the experiment again replaces damaged artifacts.

    Raises DataError if there is no store.
    """
    console = console or new_console()
    if steps is None and not _artifacts(store.root):
        raise DataError(f"{store.root} is not a store: it holds no artifacts.")
    roots = store.roots
    wanted = [[path] for path in _artifacts(store.root)] if steps is None else [
        [root / step.name for root in roots] for step in steps
    ]  # fmt: skip
    with console.status("reading artifacts"), ThreadPoolExecutor(cores()) as pool:
        found = list(pool.map(_verify_in_order, wanted))
    verdicts = [verdict for each in found for verdict in each]
    damages = [verdict.damage for verdict in verdicts if verdict.damage]
    lines = damages.copy()
    for root in roots:
        here = [verdict for verdict in verdicts if verdict.root == root]
        if here or root == store.root:
            lines.append(_summary(root, here, sum(bool(verdict.damage) for verdict in here)))
    if undigested := sum(not verdict.has_digests for verdict in verdicts if not verdict.damage):
        lines.append(f"{undigested} of them are of version 0.1, which recorded no digests: their sizes are right.")
    if absent := sum(not each for each in found):
        which = f"{counted(absent, 'more artifact')} of the experiment {'is' if absent == 1 else 'are'} not here"
        lines.append(f"{which}: not made yet, or not needed.")
    lines += [f"{place} of runtime.read_from is not there." for place in store.absent_places()]
    if damages:
        otherwise = ", unless another place has them whole." if len(roots) > 1 else "."
        lines.append(f"Run the experiment again: damaged artifacts are made anew{otherwise}")
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return len(damages)


def _verify_in_order(folders: Iterable[Path]) -> list[_Verdict]:
    """Verify the folders that exist, up to the first undamaged one."""
    verdicts = []
    for folder in folders:
        if folder.is_dir():
            verdicts.append(replace(_verify_artifact(folder), root=folder.parent))
            if not verdicts[-1].damage:
                break
    return verdicts


def _artifacts(root: Path) -> list[Path]:
    """The folders of a store that are named like artifacts."""
    return sorted(path for path in root.iterdir() if path.is_dir() and ARTIFACT.fullmatch(path.name))


def _verify_artifact(folder: Path) -> _Verdict:
    """Verify all files of one artifact, also large ones."""
    try:
        manifest = read_manifest(folder / MANIFEST)
    except ValueError as error:
        return _Verdict(str(error))
    has_digests = DIGESTS in manifest
    if folder.name != (name := f"{manifest['kind']}-{str(manifest['digest'])[:12]}"):
        return _Verdict(f"{folder} was renamed or copied: it holds {name}", has_digests=has_digests)
    damage = find_damage(folder, manifest, full=True) or ""
    return _Verdict(damage, len(manifest["files"]), sum(manifest["files"].values()), has_digests)


def _summary(root: Path, verdicts: Iterable[_Verdict], damaged: int) -> str:
    verdicts = list(verdicts)
    files, size = sum(verdict.files for verdict in verdicts), sum(verdict.size for verdict in verdicts)
    found = f"{damaged} damaged" if damaged else "nothing is damaged"
    return f"{root}: {counted(len(verdicts), 'artifact')}, {counted(files, 'file')}, {size / 1e6:.1f} MB: {found}."
