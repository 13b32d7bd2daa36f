"""Dropout's random numbers: a function of seed, rank, step and microbatch, for any number of ranks."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor

from pali3kit.training.checkpoints import TrainingCheckpoints
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.recorder import Recorder, _over_ranks

SEEDS, RANKS, STEPS, MICROBATCHES = (0, 7, 2**32 - 1), (0, 1, 255, 256, 300), (0, 1, 2**20), 2


def begin(seed: int, rank: int, step: int, batch: int) -> None:
    """Begin a batch of a training with two microbatches a step."""
    context = StageContext(Path(), {}, seed, lambda *_, **__: None, threads=1, execution=Execution(rank=rank))
    trainer = SimpleNamespace(global_step=step)
    Recorder(context, 100, TrainingCheckpoints(context), MICROBATCHES).on_train_batch_start(trainer, None, {}, batch)  # type: ignore[arg-type]


def test_every_seed_rank_step_and_microbatch_drops_other_units() -> None:
    """The CPU's generator keeps 32 bits of a seed, CUDA's all 64."""
    drawn, seeds = set[tuple[float, ...]](), set[int]()
    places = list(product(SEEDS, RANKS, STEPS, range(MICROBATCHES)))
    for place in places:
        begin(*place)
        seeds.add(torch.initial_seed())
        drawn.add(tuple(torch.rand(4).tolist()))
    assert len(drawn) == len(seeds) == len(places)
    assert max(seeds) >= 2**63


def test_a_step_that_is_repeated_drops_the_same_units() -> None:
    begin(3, 300, 5, batch=11)
    first = torch.rand(4)
    torch.rand(100)
    begin(3, 300, 5, batch=1)  # after an interruption Lightning counts batches anew
    assert torch.equal(torch.rand(4), first)


def test_numbers_of_ranks_are_added_up_and_divided() -> None:
    """Not averaged by the backend: beside NCCL that is gloo, which older versions of torch do not let average."""

    def reduce(value: Tensor, reduce_op: str) -> Tensor:
        assert reduce_op == "sum"
        return value + 3

    trainer = SimpleNamespace(world_size=2, strategy=SimpleNamespace(reduce=reduce))
    assert _over_ranks(trainer, 1.0) == 2.0  # type: ignore[arg-type]
