"""Check that a run that is killed again and again ends with the same report.

    python speed/kill.py FOLDER [KILLS] [SEED]

runs Table 1 at smoke scale in `FOLDER/whole`, and again in `FOLDER/killed`, where it is killed by SIGKILL KILLS times
(40): in turn the whole process group, the parent, or one worker, at random moments of the run. After the run has ended,
or after a third of the kills, artifacts (or the report) of the kind that was hit least are removed and made again, so
that every kind of stage is killed while it runs, and the report while it is written. Prints how often each was hit. The
exit code is 1 if a kind was never hit, if the reports differ, or if unfinished files remain.
"""

from __future__ import annotations

import fcntl
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
NAME, REPORT = "ablate_classif", "report"
FILES = ("report.json", "report.csv", "report.md", "report.tex", "report.html")
COST = re.compile(rb"<section><h2>Cost</h2>.*?</section>", re.DOTALL)
VICTIMS = ("worker", "group", "parent")
# Kinds of stages that write files early.
LEAVES = {"vision", "language", "mask_tokenizer", "features", "multimodal", "transfer", "embed"}
SHORTEST, LONGEST = 0.05, 15.0  # seconds from the start of a stage, imports included, to the kill
WHOLE = 90.0  # of a whole run, on a busy machine


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Start the command in its own process group."""
    places = [f"runtime.runs={folder}", f"runtime.store={folder / 'store'}", "runtime.checkpoint_seconds=0"]
    command = [sys.executable, "-m", "pali3kit.run", f"experiments/{NAME}.yaml", "scale=smoke", *places]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with (folder.parent / f"{folder.name}.txt").open("ab") as output:
        return subprocess.Popen(
            command, cwd=CHECKOUT, env=environment, stdout=output, stderr=output, start_new_session=True
        )


def working(folder: Path) -> set[str]:
    """The kinds of stages that are running: those whose lock is held."""
    return {lock.name.rpartition("-")[0] for lock in (folder / "store" / "work").glob("*.lock") if _held(lock)}


def deep(folder: Path, kind: str) -> bool:
    """Whether a running stage of this kind has written more than its output file."""
    files = (file for work in (folder / "store" / "work").glob(f"{kind}-*/") for file in work.glob("*"))
    return any(file.name != "output.txt" for file in files)


def _held(lock: Path) -> bool:
    try:
        with lock.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def reporting(folder: Path, before: int) -> bool:
    """Whether all stages are done and only the report remains. `before`: the log's length at the start."""
    with suppress(OSError):
        log = (folder / NAME / "log.txt").read_text()[before:]
        last = re.findall(r"\[(\d+)/(\d+)\]", log)[-1:]
        return "nothing to run" in log or any(done == total for done, total in last)
    return False


def kill(process: subprocess.Popen[bytes], victim: str) -> bool:
    """Kill the group, the parent, or one worker; return whether it existed."""
    if process.poll() is not None:
        return False
    if victim == "worker":
        workers = [pid for pid in _children(process.pid) if b"spawn_main" in _command(pid)]
        if not workers:
            return False
        os.kill(random.choice(workers), signal.SIGKILL)
        return True
    (os.killpg if victim == "group" else os.kill)(process.pid, signal.SIGKILL)
    return True


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return list(map(int, found.stdout.split()))


def _command(pid: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def attempt(folder: Path, wanted: str, victim: str) -> set[str]:
    """Run, and kill while `wanted` (a kind, the report, or "" for anything) is at work; return what was hit.

    Nothing if the run ended before. Raises SystemExit if it failed.
    """
    log = folder / NAME / "log.txt"
    before = len(log.read_text()) if log.exists() else 0
    process = start(folder)
    while process.poll() is None:
        at_work = {REPORT} if reporting(folder, before) else working(folder)
        if (wanted in at_work and (wanted not in LEAVES or deep(folder, wanted))) if wanted else at_work:
            time.sleep(_delay(REPORT in at_work or wanted in LEAVES, wanted))
            hit = {REPORT} if reporting(folder, before) else working(folder)
            if hit and kill(process, victim):
                process.wait()  # without a killed worker the parent runs the other stages
                return hit & {wanted} if wanted else hit
        time.sleep(0.01)
    if process.returncode:
        raise SystemExit(f"the run in {folder} ended with {process.returncode}: see {folder}.txt")
    return set()


def _delay(brief: bool, wanted: str) -> float:
    """A random delay: short for the report and a started stage, longer for a kind, longest for a whole run."""
    if brief:
        return random.uniform(0.0, 0.5)
    return SHORTEST * (LONGEST / SHORTEST) ** random.random() if wanted else random.uniform(SHORTEST, WHOLE)


def take_away(folder: Path, kind: str) -> None:
    """Remove the report, or all artifacts of a kind, so that they are made again."""
    found = [folder / NAME / name for name in FILES] if kind == REPORT else (folder / "store").glob(f"{kind}-*")
    for path in found:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def finish(folder: Path) -> None:
    """Run to the end, which must succeed."""
    if code := start(folder).wait():
        raise SystemExit(f"the run in {folder} ended with {code}: see {folder}.txt")


def main(folder: Path, kills: int = 40, seed: int = 0) -> int:
    random.seed(seed)
    one, other = folder / "whole", folder / "killed"
    for each in (one, other):
        each.mkdir(parents=True, exist_ok=True)
    finish(one)
    kinds = [*sorted({path.name.rpartition("-")[0] for path in (one / "store").glob("*-*")}), REPORT]
    hits: Counter[str] = Counter()
    victims: Counter[str] = Counter()
    done, through = 0, False
    while done < kills:
        wanted = min(kinds, key=lambda kind: hits[kind]) if through or done >= kills // 3 else ""
        if wanted:
            take_away(other, wanted)
        victim = _victim(done, wanted)
        hit = attempt(other, wanted, victim)
        through = through or not hit
        if hit:
            done += 1
            hits.update(hit)
            victims[victim] += 1
            print(f"kill {done}: {victim} while making {', '.join(sorted(hit))}", flush=True)
    finish(other)
    wrong = [f"never hit: {kind}" for kind in kinds if not hits[kind]]
    wrong += [f"{name} differs" for name in FILES if _bytes(one, name) != _bytes(other, name)]
    left = [*(other / "store" / "work").iterdir(), *(other / NAME).glob("*partial*")]
    wrong += [f"left behind: {path}" for path in left]
    print(f"{done} kills:", ", ".join(f"{kind} {hits[kind]}" for kind in kinds))
    print(", ".join(f"{victim} {count}" for victim, count in victims.items()))
    print("\n".join(wrong) or "the reports are equal to the byte, and nothing is left behind")
    return int(bool(wrong))


def _victim(done: int, wanted: str) -> str:
    """Whom to kill, in turn; no worker in a first run, whose rest would be undisturbed, nor during the report."""
    return VICTIMS[done % 3] if wanted not in ("", REPORT) else VICTIMS[1 + done % 2]


def _bytes(folder: Path, name: str) -> bytes:
    """A file of the report without its timings."""
    return COST.sub(b"", (folder / NAME / name).read_bytes())


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        raise SystemExit(__doc__)
    sys.exit(main(Path(sys.argv[1]).resolve(), *map(int, sys.argv[2:])))
