"""Steps of several nodes: a run cannot start them, and leaves out what depends on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import join

from pali3kit.catalogue import STAGE
from pali3kit.config.schema import Experiment
from pali3kit.plan.step import Step


def split_by_nodes(missing: Sequence[Step], experiment: Experiment) -> tuple[list[Step], list[Step], list[Step]]:
    """Divide the steps without an artifact, parents first: those to run here, those to launch on several nodes, and
    those that wait for the latter.
    """
    here, several, blocked = list[Step](), list[Step](), list[Step]()
    lost: set[str] = set()
    for step in missing:
        if any(parent.digest in lost for parent in step.parents.values()):
            blocked.append(step)
        elif STAGE.find(step.kind).distributed and experiment.runtime.of(step.kind).nodes > 1:
            several.append(step)
        else:
            here.append(step)
            continue
        lost.add(step.digest)
    return here, several, blocked


def launch_commands(step: Step, experiment: Experiment, folder: Path) -> str:
    """How to launch a step on several nodes; `folder` holds the experiment."""
    runtime = experiment.runtime.of(step.kind)
    nodes, devices = str(runtime.nodes), str(runtime.devices)
    program = ["-m", "pali3kit.run", "step", str(folder), step.name]
    torchrun = ["torchrun", "--nnodes", nodes, "--nproc-per-node", devices, "--rdzv-backend", "c10d"]
    srun = ["srun", "--nodes", nodes, "--ntasks-per-node", devices, "python", *program]
    return (
        f"{step.label} needs {nodes} nodes. Once its parents are made, launch it and run the same command again:\n"
        f"  on each node:   {join([*torchrun, '--rdzv-endpoint', 'HOST:29500', *program])}\n"
        f"  or under SLURM: {join(srun)}"
    )
