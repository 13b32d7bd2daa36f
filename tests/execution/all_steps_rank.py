"""A rank of one torchrun that makes all steps of a run's folder as `pali3kit step` does, each in a process of its own.

They are forked after the imports, which take longer than a step at smoke scale. Rank 0 of each must host the store of
its ranks (TORCH_DISABLE_SHARE_RDZV_TCP_STORE), as that of torchrun keeps the addresses of the step before.
"""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module
from pathlib import Path

from pali3kit.catalogue import STAGE
from pali3kit.config.saved import read_experiment
from pali3kit.config.schema import Experiment
from pali3kit.execution.launched import run_step
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step

LAUNCHED = (
    "RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_RANK", "MASTER_ADDR", "MASTER_PORT",
    "TORCHELASTIC_RUN_ID",
)  # fmt: skip


def make(experiment: Experiment, step: Step) -> int:
    """The exit code of a step. One that runs in one process is made by the first rank; the others wait for it."""
    if not STAGE.find(step.kind).distributed:
        if os.environ["RANK"] != "0":
            while not Store.of(experiment.runtime).path(step).exists():
                time.sleep(0.05)
            return 0
        for name in LAUNCHED:
            del os.environ[name]
    return run_step(experiment, step.name)


def meet(folder: Path, step: Step) -> None:
    """Wait until both ranks have made a step."""
    (folder / f"{step.name}.{os.environ['RANK']}").touch()
    while len(list(folder.glob(f"{step.name}.*"))) < 2:
        time.sleep(0.02)


def main() -> None:
    folder = Path(sys.argv[1])
    experiment = read_experiment(folder)
    steps = build(experiment).steps
    for kind in {step.kind for step in steps}:
        import_module(STAGE.find(kind).target)
    for step in steps:
        child = os.fork()
        if not child:
            code = 1
            try:
                code = make(experiment, step)
            finally:
                sys.stdout.flush()
                os._exit(code)
        if code := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            sys.exit(f"{step.label} ended with {code}")
        meet(folder, step)


if __name__ == "__main__":
    main()
