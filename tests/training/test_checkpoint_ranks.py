"""A training continues with another strategy and another number of ranks."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file

from pali3kit.config.component import Optimizer
from pali3kit.config.stages import Training
from pali3kit.models.classifier import Classifier
from pali3kit.training.checkpoints import Checkpoints
from pali3kit.training.context import CHECKPOINTS, Execution, StageContext
from pali3kit.training.fit import fit
from pali3kit.training.modules import Batch, ClassifierModule
from pali3kit.vision.vit import ViT
from pali3kit.weights.files import save_weights

BUDGET = Training(examples=80, batch_size=8, optimizer=Optimizer(name="adamw", learning_rate=1e-3))
WEIGHTS = "weights.safetensors"
Stage = tuple[str, int]
"""A strategy, and the step at which a signal stops the training; 0 trains to the end."""


def module() -> ClassifierModule:
    torch.manual_seed(0)
    vit = ViT(16, width=18, depth=2, heads=2, mlp=30, patch=8)  # widths that four ranks do not divide
    return ClassifierModule(Classifier(vit, classes=4, head_bias=-2))


def batch(step: int, rank: int = 0, ranks: int = 1) -> Batch:
    rng = torch.Generator().manual_seed(step)
    labels = torch.nn.functional.one_hot(torch.randint(4, (8,), generator=rng), 4).float()
    images = torch.randn(8, 3, 16, 16, generator=rng) + labels.argmax(1)[:, None, None, None]
    return {"images": images[rank::ranks], "labels": labels[rank::ranks]}


def train(folder: Path, execution: Execution, stop: int) -> int:
    """Train, and return the exit code. Only the last rank gets the signal."""
    rank, ranks = execution.rank, execution.world_size

    def report(done: int, total: int, **numbers: float) -> None:
        if done == stop and rank == ranks - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    context = StageContext(folder, {}, 0, report, 1, execution, say=(folder / "said.txt").open("a").write)
    made = module()
    try:
        fit(made, lambda step: batch(step, rank, ranks), BUDGET, context)
    except SystemExit as ended:
        assert isinstance(ended.code, int)
        return ended.code
    save_weights(made.model, folder / WEIGHTS, context.writes)
    return 0


def run_rank(rank: int, nodes: int, devices: int, folder: Path, stages: list[Stage]) -> None:
    """The main function of a rank: one training after the other."""
    os.environ.update(LOCAL_RANK=str(rank % devices), NODE_RANK=str(rank // devices), WORLD_SIZE=str(nodes * devices))
    torch.set_num_threads(1)
    meeting = f"file://{folder}.meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=nodes * devices)
    code = 1
    try:
        for strategy, stop in stages:
            execution = Execution(nodes, devices, strategy, precision="fp32", checkpoint_seconds=1e9, rank=rank)
            code = train(folder, execution, stop)
            assert code == (143 if stop else 0)
            dist.barrier()
    finally:
        sys.stdout.flush()
        os._exit(code)  # gloo's threads may abort a process that ends normally (pytorch#179291)


def run_ranks(nodes: int, devices: int, folder: Path, *stages: Stage) -> None:
    folder.mkdir(exist_ok=True)
    spawn = multiprocessing.get_context("spawn")
    arguments = (nodes, devices, folder, list(stages))
    ranks = [spawn.Process(target=run_rank, args=(rank, *arguments)) for rank in range(nodes * devices)]
    try:
        for rank in ranks:
            rank.start()
        for rank in ranks:
            rank.join(300)
        assert [rank.exitcode for rank in ranks] == [143 if stages[-1][1] else 0] * len(ranks)
    finally:
        for rank in ranks:
            rank.kill()
        Path(f"{folder}.meeting").unlink(missing_ok=True)


def difference(one: Path, other: Path) -> float:
    """The largest; without the biases of keys, whose gradients are noise, as softmax does not depend on them."""
    first, second = load_file(one / WEIGHTS), load_file(other / WEIGHTS)
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first if not name.endswith("key.bias"))


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one uninterrupted process."""
    folder = tmp_path_factory.mktemp("alone")
    assert train(folder, Execution(precision="fp32", checkpoint_seconds=1e9), 0) == 0
    return folder


def test_ddp_then_fsdp_then_one_process(alone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "a"
    run_ranks(1, 2, folder, ("ddp", 3), ("fsdp", 6))
    assert sorted(path.name for path in (folder / CHECKPOINTS).iterdir()) == ["step-3", "step-6"]
    damaged = folder / CHECKPOINTS / "step-6" / "shard-00002-model-00001-of-00001.safetensors"
    data = damaged.read_bytes()
    other = shutil.copytree(folder, tmp_path / "other")
    assert train(folder, Execution(precision="fp32"), 0) == 0
    assert difference(alone, folder) < 1e-5
    assert (folder / "said.txt").read_text().count("continues from its checkpoint of step") == 2

    (other / damaged.relative_to(folder)).write_bytes(data[:-1])
    assert train(other, Execution(precision="fp32"), 0) == 0  # from step 3
    assert difference(alone, other) < 1e-5
    curves = [(one / "curve.csv").read_text().splitlines() for one in (alone, folder, other)]
    for rows in zip(*curves, strict=True):
        assert len({row.split(",")[0] for row in rows}) == 1


@pytest.mark.slow
def test_four_ranks_stopped_continue_as_two_and_as_one(alone: Path, tmp_path: Path) -> None:
    first = tmp_path / "four"
    run_ranks(1, 4, first, ("fsdp", 4))
    two, one = shutil.copytree(first, tmp_path / "two"), shutil.copytree(first, tmp_path / "one")
    run_ranks(1, 2, two, ("fsdp", 0))
    assert train(one, Execution(precision="fp32"), 0) == 0
    run_ranks(1, 4, first, ("ddp", 0))
    for folder in (first, two, one):
        assert difference(alone, folder) < 1e-5, folder


@pytest.mark.slow
def test_ranks_agree_on_a_damaged_checkpoint(alone: Path, tmp_path: Path) -> None:
    """It is told once, whichever rank finds it, and all continue from the one before."""
    folder = tmp_path / "a"
    run_ranks(1, 2, folder, ("fsdp", 3), ("fsdp", 6))
    for file in (folder / CHECKPOINTS / "step-6").iterdir():
        copy = shutil.copytree(folder, tmp_path / file.name)
        spoilt = copy / file.relative_to(folder)
        spoilt.write_bytes(spoilt.read_bytes()[:-1])
        said = replace_said(copy)
        run_ranks(1, 2, copy, ("fsdp", 0))
        assert said() == f"its checkpoint {spoilt.parent} is damaged"
        assert difference(alone, copy) < 1e-5


def replace_said(folder: Path):  # type: ignore[no-untyped-def]
    before = (folder / "said.txt").read_text()

    def since() -> str:
        return (folder / "said.txt").read_text().removeprefix(before).partition(" is damaged")[0] + " is damaged"

    return since
