"""How long `plan` takes without earlier calibrations: the whole recipe at paper scale, and a grid of four encoders.

    python speed/plan.py [--rounds 3] [--base CHECKOUT] [--limit 600]

Every plan is a separate process with an empty store. With `--base`, rounds alternate with another checkout. A plan is
stopped after `--limit` seconds, which then count as its time. Wall-clock time, as stages are calibrated in processes.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from _common import print_setup, print_table

HERE = Path(__file__).parents[1]
ENCODERS = """\
name: four
scale: embedded
pretrain: siglip
grid:
  model.vision:
    - {name: vit, width: 64, depth: 4, heads: 4, mlp: 256, patch: 16, head: map}
    - {name: vit, width: 96, depth: 6, heads: 4, mlp: 384, patch: 16, head: map}
    - {name: vit, width: 128, depth: 6, heads: 4, mlp: 512, patch: 16, head: map}
    - {name: vit, width: 128, depth: 6, heads: 4, mlp: 512, patch: 8, head: map}
evaluate: [probe, coco, xm3600, vqav2, okvqa, textvqa, refcoco, refcoco_plus, refcocog]
"""


def planned(checkout: Path, file: Path, words: list[str], limit: float) -> tuple[float, float]:
    """Wall-clock seconds of one plan, or the limit, and its processor seconds."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pali3kit.run", "plan", str(file), *words, f"runtime.store={folder}/store"]
        start, used = time.perf_counter(), _used()
        process = subprocess.Popen(
            command,
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()  # its workers end with their parent
            process.communicate()
            return limit, _used() - used
        if process.returncode:
            raise SystemExit(output)
        return time.perf_counter() - start, _used() - used


def _used() -> float:
    """Processor seconds of all ended descendants of this process."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--base", type=Path)
    options.add_argument("--limit", type=float, default=600.0)
    given = options.parse_args()
    checkouts = {"ours": HERE, **({"base": given.base.resolve()} if given.base else {})}
    print_setup("lightning")
    with TemporaryDirectory() as folder:
        shutil.copytree(HERE / "experiments/scales", Path(folder) / "scales")
        four = Path(folder) / "four.yaml"
        four.write_text(ENCODERS)
        plans = {
            "pali3.yaml scale=paper": (HERE / "experiments/pali3.yaml", ["scale=paper"]),
            "four encoders, scale=embedded": (four, []),
        }
        runs = [(plan, name) for plan in plans for name in checkouts]
        seconds: dict[tuple[str, str], list[tuple[float, float]]] = {each: [] for each in runs}
        for _ in range(given.rounds):
            for plan, name in seconds:
                file, words = plans[plan]
                seconds[plan, name].append(planned(checkouts[name], file, words, given.limit))
    rows = [[plan, *(_told(seconds[plan, name], given.limit) for name in checkouts)] for plan in plans]
    print_table(["plan", *(f"{name}, s" for name in checkouts)], rows)


def _told(taken: list[tuple[float, float]], limit: float) -> str:
    """The medians of wall-clock and processor seconds."""
    wall, used = (median(each) for each in zip(*taken, strict=True))
    return f"{'>' if wall >= limit else ''}{wall:.1f} ({used:.1f})"


if __name__ == "__main__":
    main()
