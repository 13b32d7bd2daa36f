"""The manifest of docs/clusters.md: its command on two nodes, with the variables that an operator gives to pods."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from launching import EXPERIMENTS, environment
from two_nodes import ended, free_port, two_nodes

from pali3kit.config.load import load
from pali3kit.config.saved import EXPERIMENT, to_yaml
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build

CLUSTERS = Path(__file__).parents[2] / "docs" / "clusters.md"
WORDS = [
    "scale=smoke", "stages.vision.examples=64", "stages.vision.batch_size=8", "runtime.precision=fp32",
    "runtime.threads=1", "runtime.stages.vision.nodes=2",
]  # fmt: skip


def manifest() -> dict[str, Any]:
    [text] = re.findall(r"```text\n(apiVersion: .*?)```", CLUSTERS.read_text(), re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(text)
    return found


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
    places = [f"runtime.store={tmp_path / 'store'}", f"runtime.runs={tmp_path}"]
    whole = load(EXPERIMENTS / "pretrain_classif.yaml", [*WORDS, *places])
    (tmp_path / EXPERIMENT).write_text(to_yaml(whole))
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
    [step] = [step for step in build(whole).steps if step.kind == "vision"]
    assert Store.of(whole.runtime).manifest(step)["versions"]["ranks"] == "2 by ddp"
