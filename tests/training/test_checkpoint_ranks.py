"""A training continues with another strategy and another number of ranks."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file

from pali3kit.config.component import Optimizer
from pali3kit.config.stages import Training
from pali3kit.models.classifier import Classifier
from pali3kit.training.context import CHECKPOINTS, Execution, StageContext
from pali3kit.training.fit import fit
from pali3kit.training.modules import Batch, ClassifierModule
from pali3kit.training.optimizers import module_options
from pali3kit.vision.vit import ViT
from pali3kit.weights.files import save_weights

BUDGET = Training(examples=80, batch_size=8, optimizer=Optimizer(name="adamw", learning_rate=1e-3))
WEIGHTS = "weights.safetensors"
Stage = tuple[str, int, str]
"""A strategy, the step at which a signal stops the training (0: none), and a checkpoint's file to damage before it."""


def module() -> ClassifierModule:
    torch.manual_seed(0)
    vit = ViT(16, width=18, depth=2, heads=2, mlp=30, patch=8)  # widths that four ranks do not divide
    return ClassifierModule(Classifier(vit, classes=4, head_bias=-2), **module_options(BUDGET.optimizer))


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

    def say(text: str) -> None:
        with (folder / "said.txt").open("a") as file:
            print(text, file=file)

    context = StageContext(folder, {}, 0, report, 1, execution, say)
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
        for strategy, stop, damaged in stages:
            for file in (folder / CHECKPOINTS).glob(damaged) if damaged and not rank else ():
                file.write_bytes(file.read_bytes()[:-1])
            dist.barrier()
            execution = Execution(nodes, devices, strategy, precision="fp32", checkpoint_seconds=1e9, rank=rank)
            code = train(folder, execution, stop)
            assert code == (143 if stop else 0)
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
    """A damaged file is told once, whichever rank verifies it, and all ranks continue from the checkpoint before."""
    run_ranks(1, 2, tmp_path, ("ddp", 3, ""), ("fsdp", 6, ""), ("fsdp", 8, "step-6/shard-00002*"))
    assert sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir()) == ["step-3", "step-8"]
    assert train(tmp_path, Execution(precision="fp32"), 0) == 0
    first, damage, *others = (tmp_path / "said.txt").read_text().splitlines()
    assert damage.startswith(f"its checkpoint {tmp_path / CHECKPOINTS / 'step-6'} is damaged: shard-00002-")
    assert [first, *others] == [f"continues from its checkpoint of step {step}" for step in (3, 3, 8)]
    assert difference(alone, tmp_path) < 1e-5
    curves = [(folder / "curve.csv").read_text().splitlines() for folder in (alone, tmp_path)]
    for one, other in zip(*curves, strict=True):
        assert one.split(",")[0] == other.split(",")[0]


@pytest.mark.slow
def test_two_nodes_of_two_ranks_stopped_continue_as_two_of_one_and_as_one(alone: Path, tmp_path: Path) -> None:
    first = tmp_path / "four"
    run_ranks(2, 2, first, ("fsdp", 4, ""))
    two, one = shutil.copytree(first, tmp_path / "two"), shutil.copytree(first, tmp_path / "one")
    run_ranks(2, 1, two, ("fsdp", 0, ""))
    assert train(one, Execution(precision="fp32"), 0) == 0
    run_ranks(2, 2, first, ("ddp", 0, ""))
    for folder in (first, two, one):
        assert difference(alone, folder) < 1e-5, folder
