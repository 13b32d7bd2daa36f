"""Which launcher is detected, and that one process is never part of another's job."""

from __future__ import annotations

import pytest
from lightning.fabric.plugins.environments.kubeflow import KubeflowEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.pytorch.strategies import SingleDeviceStrategy

from pali3kit.errors import StageError
from pali3kit.training.cluster import find_cluster
from pali3kit.training.context import Execution
from pali3kit.training.trainer import build_trainer

PYTORCHJOB = {"MASTER_ADDR": "host", "MASTER_PORT": "29500", "WORLD_SIZE": "4", "RANK": "3"}
TORCHRUN = {**PYTORCHJOB, "TORCHELASTIC_RUN_ID": "x", "LOCAL_RANK": "1", "GROUP_RANK": "1"}
SLURM = {
    "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "2", "SLURM_PROCID": "3", "SLURM_NODEID": "1",
    "SLURM_LOCALID": "1", "SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": "train", "SLURM_NODELIST": "n[7-8]",
}  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "kind", "place"),
    [
        ({}, LightningEnvironment, (0, 1, 0)),
        (PYTORCHJOB, KubeflowEnvironment, (3, 4, 3)),
        (SLURM, SLURMEnvironment, (3, 4, 1)),
        (TORCHRUN, TorchElasticEnvironment, (3, 4, 1)),
        (TORCHRUN | SLURM, TorchElasticEnvironment, (3, 4, 1)),
        (SLURM | {"SLURM_JOB_NAME": "interactive"}, LightningEnvironment, (0, 1, 0)),
    ],
)
def test_the_launcher_that_is_found(
    variables: dict[str, str], kind: type, place: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = find_cluster()
    assert type(found) is kind
    assert (found.global_rank(), found.world_size(), found.node_rank()) == place


def test_variables_that_do_not_fit_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {**SLURM, "SLURM_NTASKS_PER_NODE": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SLURM_NTASKS_PER_NODE")
    with pytest.raises(StageError, match="the launcher's environment cannot be used: You set `--ntasks=4`"):
        find_cluster()


@pytest.mark.parametrize("variables", [SLURM, TORCHRUN, PYTORCHJOB], ids=["slurm", "torchrun", "pytorchjob"])
def test_one_process_stays_one_in_any_environment(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    trainer = build_trainer([], 1, 1.0, Execution(precision="fp32"), 1)
    assert isinstance(trainer.strategy, SingleDeviceStrategy)
    assert (trainer.world_size, trainer.num_nodes, trainer.global_rank, trainer.is_global_zero) == (1, 1, 0, True)
