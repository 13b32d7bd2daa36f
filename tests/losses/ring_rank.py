"""One rank of the rings of 1 to WORLD processes: run by test_ring.py as `ring_rank.py RANK WORLD PORT FOLDER`."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from pali3kit.losses.sigmoid import ring_sigmoid_loss


def main(rank: int, world: int, port: str, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", timedelta(seconds=120), world, rank)
    image, text, log_scale, bias = torch.load(folder / "batch.pt", weights_only=True)
    for ranks in range(1, world + 1):
        group = dist.new_group(list(range(ranks)))
        if rank < ranks:
            mine = slice(rank * len(image) // ranks, (rank + 1) * len(image) // ranks)
            leaves = [x.clone().requires_grad_() for x in (image[mine], text[mine], log_scale, bias)]
            loss = ring_sigmoid_loss(*leaves, group=group, chunk=2)
            loss.backward()
            torch.save([loss.detach(), *(x.grad for x in leaves)], folder / f"{ranks}-{rank}.pt")
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
