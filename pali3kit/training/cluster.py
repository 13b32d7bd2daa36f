"""The processes of a launcher (torchrun, srun, a PyTorchJob, mpirun, jsrun): their ranks and their connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import torch
import torch.distributed as dist
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.kubeflow import KubeflowEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.lsf import LSFEnvironment
from lightning.fabric.plugins.environments.mpi import MPIEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning.fabric.utilities.rank_zero import rank_zero_only

from pali3kit.errors import StageError
from pali3kit.training.context import Execution

_PYTORCHJOB = {"MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK"}


def find_cluster() -> ClusterEnvironment:
    """The environment of the launcher of this process, in the order of Lightning's own connector, which cannot detect
    a PyTorchJob. Without a launcher, one process.

    Raises StageError where the launcher's variables do not fit each other.
    """
    try:
        if TorchElasticEnvironment.detect():
            return TorchElasticEnvironment()
        if SLURMEnvironment.detect():
            return SLURMEnvironment(auto_requeue=False)  # its handler would save in the middle of a step
        if LSFEnvironment.detect():
            return LSFEnvironment()
        if MPIEnvironment.detect():
            return MPIEnvironment()
    except (RuntimeError, ValueError, KeyError) as error:
        raise StageError(f"the launcher's environment cannot be used: {error}") from error
    return KubeflowEnvironment() if os.environ.keys() >= _PYTORCHJOB else LightningEnvironment()


@contextmanager
def connected(cluster: ClusterEnvironment, execution: Execution, timeout: float) -> Iterator[Execution]:
    """Connect the ranks, and yield `execution` with their nodes, devices per node, and the rank of this process.

    The group is the default one, which Lightning uses too. A rank that waits for more than `timeout` seconds fails.

    Raises StageError where the nodes have different numbers of ranks.
    """
    rank, ranks = cluster.global_rank(), cluster.world_size()
    rank_zero_only.rank = rank  # type: ignore[attr-defined]  # Lightning does not find it under mpirun
    os.environ |= {"MASTER_ADDR": cluster.main_address, "MASTER_PORT": str(cluster.main_port)}
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(cluster.local_rank())
    backend = "cpu:gloo,cuda:nccl" if cuda else "gloo"
    dist.init_process_group(backend, rank=rank, world_size=ranks, timeout=timedelta(seconds=timeout))
    try:
        nodes = _count_nodes(cluster.node_rank(), ranks)
        yield replace(execution, rank=rank, nodes=nodes, devices=ranks // nodes)
    finally:
        # Lightning leaves gloo's connections open, and their threads may abort the process while Python shuts down
        # (pytorch#179291): one of seven FSDP runs ended with SIGABRT.
        dist.destroy_process_group()


def _count_nodes(node: int, ranks: int) -> int:
    """The number of nodes; a collective operation. Raises StageError where they have different numbers of ranks."""
    places = [torch.zeros(1, dtype=torch.int64) for _ in range(ranks)]
    dist.all_gather(places, torch.tensor([node]))
    counts = torch.bincount(torch.cat(places))
    if len(counts.unique()) > 1:
        raise StageError(f"the nodes have {counts.tolist()} ranks: launch as many on each.")
    return len(counts)
