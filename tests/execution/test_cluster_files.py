"""The files in docs/clusters.md: the batch file on a real SLURM, and the manifest's command on two nodes with the
variables that an operator gives to pods.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from launching import EXPERIMENTS, environment
from slurm_node import is_installed, node
from two_nodes import ended, free_port, two_nodes

from pali3kit.config.load import load
from pali3kit.config.saved import EXPERIMENT, to_yaml
from pali3kit.config.schema import Experiment
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build

CLUSTERS = Path(__file__).parents[2] / "docs" / "clusters.md"
WORDS = [
    "scale=smoke", "stages.vision.examples=64", "stages.vision.batch_size=8", "runtime.precision=fp32",
    "runtime.threads=1",
]  # fmt: skip


def block(start: str) -> str:
    """The code of the document that begins so."""
    [text] = re.findall(rf"```\w+\n({re.escape(start)}.*?)```", CLUSTERS.read_text(), re.DOTALL)
    return str(text)


def manifest() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(block("apiVersion: "))
    return found


def run_folder(folder: Path, *words: str) -> Experiment:
    """Write a run folder of the pretraining on classes, which needs no other stage."""
    places = [f"runtime.store={folder / 'store'}", f"runtime.runs={folder}"]
    whole = load(EXPERIMENTS / "pretrain_classif.yaml", [*WORDS, *words, *places])
    (folder / EXPERIMENT).write_text(to_yaml(whole))
    return whole


def ranks_of_encoder(whole: Experiment) -> object:
    """Who made the encoder, as its manifest says."""
    [step] = [step for step in build(whole).steps if step.kind == "vision"]
    return Store.of(whole.runtime).manifest(step)["versions"]["ranks"]


@pytest.mark.slow
@pytest.mark.skipif(not is_installed(), reason="needs slurmctld, slurmd and SLURM's commands")
def test_the_batch_file_makes_a_stage_by_two_tasks(tmp_path: Path) -> None:
    whole, file, large = run_folder(tmp_path), tmp_path / "job.sh", "--nodes=32 --ntasks-per-node=8 --gpus-per-node=8"
    text = block("#!/bin/bash\n#SBATCH ")
    assert large in text and "runs/pali3 " in text
    file.write_text(text.replace(large, "--nodes=1 --ntasks-per-node=2").replace("runs/pali3 ", f"{tmp_path} "))
    with node(tmp_path / "slurm") as variables:
        command = ["sbatch", "--wait", f"--output={tmp_path}/output", str(file)]
        done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    told = (tmp_path / "output").read_text()
    assert done.returncode == 0, done.stdout + done.stderr + told
    assert "vision: 1 x 2 ranks, as launched, not 1 x 1 as configured" in told
    assert ranks_of_encoder(whole) == "2 by ddp"


def test_pods_have_time_for_a_checkpoint() -> None:
    worker = manifest()["spec"]["pytorchReplicaSpecs"]["Worker"]
    [container] = worker["template"]["spec"]["containers"]
    command = container["command"]
    assert (
        int(command[command.index("--shutdown-timeout") + 1])
        < worker["template"]["spec"]["terminationGracePeriodSeconds"]
    )
    assert str(container["resources"]["limits"]["nvidia.com/gpu"]) == manifest()["spec"]["nprocPerNode"]
    assert command[-4:] == ["pali3kit.run", "step", "/shared/runs/pali3", "vision"]


@pytest.mark.slow
def test_its_command_makes_a_stage_on_two_nodes(tmp_path: Path) -> None:
    whole = run_folder(tmp_path, "runtime.stages.vision.nodes=2")
    [container] = manifest()["spec"]["pytorchReplicaSpecs"]["Worker"]["template"]["spec"]["containers"]
    command = [str(tmp_path) if word.startswith("/shared/") else word for word in container["command"]]
    with two_nodes() as nodes:
        port = str(free_port())
        shared = {"MASTER_ADDR": nodes[0].address, "MASTER_PORT": port, "WORLD_SIZE": "2"}
        shared |= {"PET_MASTER_ADDR": nodes[0].address, "PET_MASTER_PORT": port, "PET_NNODES": "2"}
        pods = [
            subprocess.Popen(
                [*node.inside, *command],
                env=environment(
                    **node.interface, **shared, PET_NPROC_PER_NODE="1", PET_NODE_RANK=str(rank), RANK=str(rank)
                ),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for rank, node in enumerate(nodes)
        ]
        first, _ = ended(pods)
    assert "vision: 2 x 1 ranks, about" in first
    assert ranks_of_encoder(whole) == "2 by ddp"
