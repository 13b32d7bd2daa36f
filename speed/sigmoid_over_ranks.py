"""Our sigmoid loss over ranks, with gathered texts and around a ring, against open_clip's `SigLipLoss` over ranks.

Each rank is a process with one thread, connected by gloo on this machine. Every rank has embeddings [B/W,D] of any
norm, a log-scale and a bias, as a model's last layers return them; open_clip's model normalises and exponentiates
before it calls the loss, so that this is part of its side here.

- time: wall clock of forward and backward on the slowest rank, median of interleaved rounds in the same random order on
  all ranks. Ranks wait for each other before each call.

On one machine hops are cheap: what the ring costs over a network, W hops one after another, does not show here.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import tempfile
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import get_context
from statistics import median

import torch
import torch.distributed as dist
from _common import paired_ratio, print_setup, print_table
from open_clip.loss import SigLipLoss
from torch import Tensor
from torch.nn.functional import normalize

from pali3kit.losses.sigmoid import gathered_sigmoid_loss, ring_sigmoid_loss

Loss = Callable[..., Tensor]


def losses(rank: int, ranks: int) -> dict[str, Loss]:
    """Ours and open_clip's, by name."""
    theirs = {f"open_clip {how}": SigLipLoss(False, rank, ranks, how) for how in ("gather", "bidir")}
    ours = {"pali3kit gather": gathered_sigmoid_loss, "pali3kit ring": ring_sigmoid_loss}
    return {**ours, **{name: partial(open_clip_loss, module) for name, module in theirs.items()}}


def open_clip_loss(module: SigLipLoss, image: Tensor, text: Tensor, log_scale: Tensor, bias: Tensor) -> Tensor:
    return module(normalize(image, dim=-1), normalize(text, dim=-1), log_scale.exp(), bias)


def inputs(batch: int, width: int, rank: int) -> list[Tensor]:
    """This rank's embeddings of pairs, and SigLIP's initial scale 10 and bias -10."""
    generator = torch.Generator().manual_seed(rank)
    image, text = torch.randn(2, batch, width, generator=generator)
    return [x.clone().requires_grad_() for x in (image, text, torch.tensor(math.log(10)), torch.tensor(-10.0))]


def seconds(loss: Loss, leaves: list[Tensor]) -> float:
    """Of forward and backward, on the slowest rank."""
    dist.barrier()
    start = time.perf_counter()
    torch.autograd.grad(loss(*leaves), leaves)
    taken = torch.tensor(time.perf_counter() - start)
    dist.all_reduce(taken, dist.ReduceOp.MAX)
    return float(taken)


def measure(calls: dict[str, Loss], leaves: list[Tensor], rounds: int) -> dict[str, list[float]]:
    """Seconds of each loss in each round, after one round to warm up."""
    shuffle, names = random.Random(0).shuffle, list(calls)
    found: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-1, rounds):
        shuffle(names)
        for name in names:
            taken = seconds(calls[name], leaves)
            if number >= 0:
                found[name].append(taken)
    return found


def run_rank(rank: int, ranks: int, rendezvous: str, shapes: list[tuple[int, int]], rounds: int) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{rendezvous}", world_size=ranks, rank=rank)
    rows = []
    for batch, width in shapes:
        found = measure(losses(rank, ranks), inputs(batch // ranks, width, rank), rounds)
        for name, taken in found.items():
            ratio = paired_ratio(taken, found["pali3kit gather"])
            times = [f"{median(taken) * 1e3:.1f}", f"{ratio:.2f}"]
            rows.append([str(ranks), str(batch), str(width), name, *times])
    if rank == 0:
        print_table(["ranks", "B", "D", "loss", "wall ms", "time / gather"], rows)
    dist.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--batches", type=int, nargs="+", default=[512, 2048, 4096], help="of all ranks together")
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print_setup("open_clip")
    shapes = [(batch, arguments.width) for batch in arguments.batches]
    with tempfile.TemporaryDirectory() as folder:
        common = (arguments.ranks, os.path.join(folder, "rendezvous"), shapes, arguments.rounds)
        context = get_context("spawn")
        ranks = [context.Process(target=run_rank, args=(rank, *common)) for rank in range(arguments.ranks)]
        for process in ranks:
            process.start()
        for process in ranks:
            process.join()
    if any(process.exitcode for process in ranks):
        raise SystemExit("a rank failed")


if __name__ == "__main__":
    main()
