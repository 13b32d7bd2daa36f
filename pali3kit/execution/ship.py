"""Copy stage 0 of an experiment from its store into the package, where every run finds it (docs/shipped.md).

    python -m pali3kit.execution.ship EXPERIMENT [--half] [key=value ...]

A maintainer's command. What is copied replaces what was there, and keeps its digest and all that its manifest says of
how it was trained. `shipped` is added: the commit, the commands and, with `--half`, the sha256 of the fp32 files that
were rounded to fp16.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import join
from tempfile import TemporaryDirectory

import pali3kit
from pali3kit.config.load import load
from pali3kit.config.schema import Experiment
from pali3kit.durable import remove, sha256_of
from pali3kit.errors import Pali3Error, StageError
from pali3kit.execution.make import OUTPUT
from pali3kit.execution.manifest import MANIFEST, seal_manifest
from pali3kit.execution.places import SHIPPED
from pali3kit.execution.store import CONFIG, Store
from pali3kit.execution.verify import ARTIFACT, verify_store
from pali3kit.plan.graph import build
from pali3kit.types import Json
from pali3kit.weights.files import save_half

CHECKOUT = Path(pali3kit.__file__).parents[1]
KINDS = ("tokenizer", "vision", "language", "mask_tokenizer")
"""What all later stages start from. Not the corpus, which only training reads, nor anything made with an encoder."""
_LEFT_OUT = {MANIFEST, OUTPUT, CONFIG}  # the manifest has the configuration
_ENDING = ".safetensors"


def _ship(experiment: Experiment, out: Path, half: bool, provenance: Mapping[str, Json]) -> list[Path]:
    """Copy the artifacts of `KINDS` into the store `out`, and remove all others there.

    Raises StageError, before anything is written, where one is not made yet, damaged, or itself a copy of this command.
    """
    store = Store(Path(experiment.runtime.store), full=True)
    steps = [step for step in build(experiment).steps if step.kind in KINDS]
    if missing := store.missing(steps):
        labels = ", ".join(step.label for step in missing)
        raise StageError(f"not in {store.root}, or damaged there: {labels}. Run the experiment first, with this store.")
    manifests = [store.manifest(step) for step in steps]
    if copies := [step.label for step, manifest in zip(steps, manifests, strict=True) if "shipped" in manifest]:
        labels = ", ".join(copies)
        raise StageError(f"{store.root} has copies of what was shipped before: {labels}. Train in a new store.")
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent) as work:
        for step, manifest in zip(steps, manifests, strict=True):
            partial, target = Path(work) / step.name, out / step.name
            partial.mkdir()
            cast = _copy(store.path(step), partial, half)
            seal_manifest(partial, {**manifest, "shipped": {**provenance, "cast_to_float16": cast}})
            remove(target)
            partial.rename(target)
    kept = {step.name for step in steps}
    for folder in out.iterdir():
        if ARTIFACT.fullmatch(folder.name) and folder.name not in kept:
            remove(folder)
    return [out / step.name for step in steps]


def _copy(source: Path, target: Path, half: bool) -> dict[str, Json]:
    """Copy the files of an artifact; return the sha256 of those that were rounded to fp16."""
    cast: dict[str, Json] = {}
    for file in sorted(source.iterdir()):
        if file.name in _LEFT_OUT:
            continue
        if half and file.suffix == _ENDING:
            save_half(file, target / file.name)
            cast[file.name] = sha256_of(file)
        else:
            shutil.copyfile(file, target / file.name)
        (target / file.name).chmod(0o644)  # safetensors makes files that only their owner can read
    return cast


def _commit(checkout: Path, out: Path) -> str:
    """The commit of a checkout. Raises StageError where files other than those in `out` differ from it."""
    head = _git(checkout, "rev-parse", "HEAD")
    exclude = [f":(exclude){out.relative_to(checkout)}"] if out.is_relative_to(checkout) else []
    if changed := _git(checkout, "status", "--porcelain", "--", ".", *exclude):
        raise StageError(f"{checkout} differs from its commit {head[:12]}: commit or stash first.\n{changed}")
    return head


def _git(checkout: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=checkout, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = str(getattr(error, "stderr", "") or error).strip()
        raise StageError(f"{checkout} is no git checkout, whose commit could be recorded: {reason}") from error
    return done.stdout.strip()


def _commands(file: Path, half: bool, overrides: Sequence[str]) -> list[Json]:
    """How this is made and shipped. Overrides of `runtime`, such as folders, change no result and are left out, but
    that nothing is read from elsewhere is said: the first command would read what ships.
    """
    name = file.resolve().relative_to(CHECKOUT) if file.resolve().is_relative_to(CHECKOUT) else file
    words = [str(name), *(each for each in overrides if not each.startswith("runtime."))]
    flag = ["--half"] if half else []
    return [
        join(["python", "-m", "pali3kit.run", *words, "runtime.read_from=[]"]),  # else it would read what ships
        join(["python", "-m", "pali3kit.execution.ship", *words, *flag]),
    ]


def _main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0 done, 1 something that was written is damaged, 2 refused."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", type=Path)
    parser.add_argument("overrides", nargs="*", metavar="key=value")
    parser.add_argument("--half", action="store_true", help="round fp32 weights to fp16")
    parser.add_argument("--out", type=Path, default=SHIPPED, help="where to (default: the package)")
    args = parser.parse_intermixed_args(arguments)
    out = args.out.resolve()
    try:
        experiment = load(args.experiment, args.overrides)
        commands = _commands(args.experiment, args.half, args.overrides)
        folders = _ship(experiment, out, args.half, {"commit": _commit(CHECKOUT, out), "commands": commands})
    except Pali3Error as error:
        print(error, file=sys.stderr)
        return 2
    for folder in folders:
        print(f"{folder.name}: {sum(file.stat().st_size for file in folder.iterdir()) / 1e6:.2f} MB")
    return int(verify_store(Store(out)) > 0)


if __name__ == "__main__":
    sys.exit(_main())
