"""Remove what no known run of a store needs."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal

from pali3kit.config.missing_files import not_there
from pali3kit.errors import DataError, counted
from pali3kit.execution.known_runs import KnownRun, known_runs, may_be_of_unknown_run
from pali3kit.execution.store import Store
from pali3kit.execution.verify import ARTIFACT


def clean_store(root: Path, dry_run: bool, console: Console | None = None) -> int:
    """Remove the artifacts, and the unfinished work, that no known run needs; return their bytes.

    Runs of other machines count, wherever their folders are. What a process is working on is left, and what is older
    than the store's records of runs. With `dry_run` nothing is removed, only told.

    Raises DataError where there is no store, where it knows no run, or cannot tell what one of them needs: then nothing
    is removed.
    """
    console = console or Console()
    if not root.is_dir():
        raise DataError(not_there("folder", str(root)))
    runs = known_runs(root)
    kept = [run for run in runs if not run.is_gone]
    if not kept:
        raise DataError(f"{root} knows no run that is still there, so nothing in it is known to be unneeded.")
    needed = set().union(*(run.artifacts for run in kept))
    for run in runs:
        console.print(_told(run), markup=False, highlight=False, soft_wrap=True)
    others = [folder for folder in _folders(root) if folder.name.partition(".")[0] not in needed]
    unneeded = [folder for folder in others if not may_be_of_unknown_run(folder)]
    if old := len(others) - len(unneeded):
        text = f"left    {counted(old, 'folder')} older than the store's records, for a run from before may need them"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    store, counts, sizes = Store(root), Counter[str](), Counter[str]()
    for folder in unneeded:
        kind, size = folder.name.rpartition("-")[0], _remove(store, folder, dry_run, console)
        counts[kind] += size is not None
        sizes[kind] += size or 0
    word = "unneeded" if dry_run else "removed "
    for kind, count in counts.items():
        console.print(f"{word} {count} x {kind}: {decimal(sizes[kind])}", markup=False, highlight=False)
    if not dry_run:
        for run in runs:
            if run.is_gone and run.record:
                run.record.unlink(missing_ok=True)
    would = "would be removed: the same command without --dry-run removes them" if dry_run else "removed"
    total = f"{decimal(sizes.total())} in {counted(counts.total(), 'folder')} of {root} {would}"
    console.print(total, markup=False, highlight=False, soft_wrap=True)
    return sizes.total()


def _told(run: KnownRun) -> str:
    if run.is_gone:
        return f"gone    {run.folder}"
    where = "" if run.folder.is_dir() else f" on {run.host}; if it is gone, remove {run.record}"
    return f"needed  {run.folder}{where}"


def _folders(root: Path) -> Sequence[Path]:
    """Artifacts, then folders of work in progress, which are named like them."""
    inside = [*root.iterdir(), *((root / "work").iterdir() if (root / "work").is_dir() else ())]
    return sorted(path for path in inside if path.is_dir() and ARTIFACT.fullmatch(path.name.partition(".")[0]))


def _remove(store: Store, folder: Path, dry_run: bool, console: Console) -> int | None:
    """Remove a folder; return its bytes, None where it is left, as another process works on that artifact.

    Of a link only the link is removed: what it leads to is not the store's.
    """
    with store.lock_artifact(folder.name.partition(".")[0]) as mine:
        if not mine:
            console.print(f"at work {folder}: left", markup=False, highlight=False, soft_wrap=True)
            return None
        linked = folder.is_symlink()
        size = 0 if linked else sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())
        if not dry_run and linked:
            folder.unlink()
        elif not dry_run:
            shutil.rmtree(folder)
        return size
