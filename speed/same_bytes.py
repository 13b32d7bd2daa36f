"""Compare the artifacts and reports of two checkouts, byte for byte: a refactoring must not change them.

    python speed/same_bytes.py BEFORE AFTER FOLDER

runs Tables 1 and 6, the whole recipe and referring segmentation at smoke scale with the code of each checkout, into
`FOLDER/before` and `FOLDER/after`, and compares all files except manifests and timings. Existing artifacts are kept, so
that one `before` serves many comparisons. The exit code is 1 if anything differs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

EXPERIMENTS = ("ablate_classif", "table6", "pali3", "refseg")
TIMED = {"manifest.json", "config.yaml", "timings.json", "log.txt", "output.txt", "experiment.yaml"}
COST = re.compile(rb"<section><h2>Cost</h2>.*?</section>", re.DOTALL)


def make(checkout: Path, folder: Path) -> None:
    """Run all experiments with the code of `checkout`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in EXPERIMENTS:
        file = checkout / "experiments" / f"{name}.yaml"
        options = ["scale=smoke", f"runtime.runs={folder / 'runs'}", f"runtime.store={folder / 'store'}"]
        command = [sys.executable, "-m", "pali3kit.run", str(file), *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(
                f"{checkout}: {name} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )


def contents(folder: Path) -> dict[str, bytes]:
    """All files that must not depend on the time and speed of the run."""
    files = (path for part in ("runs", "store") for path in (folder / part).rglob("*") if path.is_file())
    kept = (path for path in files if path.name not in TIMED and path.name != "calibration.json")
    return {path.relative_to(folder).as_posix(): COST.sub(b"", path.read_bytes()) for path in kept}


def main(before: Path, after: Path, folder: Path) -> int:
    for checkout, name in ((before, "before"), (after, "after")):
        make(checkout.resolve(), (folder / name).resolve())
    old, new = contents(folder / "before"), contents(folder / "after")
    lost, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    for what, names in (("only before", lost), ("only after", added), ("differs", changed)):
        for name in names:
            print(f"{what}: {name}")
    equal = len(old.keys() & new.keys()) - len(changed)
    size = sum(len(old[name]) for name in old) / 1e6
    print(f"{equal} files equal ({size:.1f} MB), {len(changed)} differ, {len(lost)} lost, {len(added)} new")
    return int(bool(lost or added or changed))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    sys.exit(main(*map(Path, sys.argv[1:])))
