"""One rank of groups of 1 to WORLD processes: run by test_sigmoid_over_ranks.py as `sigmoid_rank.py FOLDER`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from open_clip.loss import SigLipLoss
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils._python_dispatch import TorchDispatchMode

from pali3kit.losses.sigmoid import gathered_sigmoid_loss, normalize, ring_sigmoid_loss

sys.path.insert(0, str(Path(__file__).parents[1]))

from ranks import run

WORLD, WIDTH, STEPS = 4, 5, 3
OVER_RANKS: dict[str, Callable[..., Tensor]] = {"gather": gathered_sigmoid_loss, "ring": ring_sigmoid_loss}
Found = dict[str, Any]


class Towers(nn.Module):
    """Two linear towers, and the two scalars of the loss as one vector, which FSDP2 can shard."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.vision, self.text = nn.Linear(7, WIDTH), nn.Linear(6, WIDTH)
        self.scalars = nn.Parameter(torch.tensor([2.0, -2.5]))

    def forward(self, images: Tensor, texts: Tensor) -> tuple[Tensor, ...]:
        return self.vision(images), self.text(texts), *self.scalars


def batches() -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs of the two towers for each step, of the whole batch."""
    generator = torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        yield torch.randn(12, 7, generator=generator), torch.randn(12, 6, generator=generator)


def trained(model: nn.Module, loss: Callable[..., Tensor], part: slice, autocast: bool = False) -> dict[str, Tensor]:
    """The weights after some steps on a part of each batch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for images, texts in batches():
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            value = loss(*model(images[part], texts[part]))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    named = {name.removeprefix("module."): x.detach() for name, x in model.named_parameters()}
    return {name: x.full_tensor() if isinstance(x, DTensor) else x.clone() for name, x in named.items()}


class Collectives(TorchDispatchMode):
    """Counts the operations of torch.distributed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "c10d":
            self.seen[func.__name__.partition(".")[0]] += 1
        return func(*args, **(kwargs or {}))


def value_and_gradients(
    loss: Callable[..., Tensor], batch: list[Tensor], mine: slice, bfloat16: bool = False
) -> list[Tensor]:
    """The loss of a part of a batch, and the gradients of its four inputs; of bfloat16 embeddings under autocast."""
    image, text, *scalars = batch
    leaves = [x.clone().requires_grad_() for x in (image[mine], text[mine], *scalars)]
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        embeddings = [x.bfloat16() for x in leaves[:2]] if bfloat16 else leaves[:2]
        value = loss(*embeddings, *leaves[2:])
    return [value.detach(), *torch.autograd.grad(value, leaves)]


def of_open_clip(how: str, rank: int, ranks: int) -> Callable[..., Tensor]:
    module = SigLipLoss(rank=rank, world_size=ranks, dist_impl=how)
    return lambda image, text, log_scale, bias: module(normalize(image), normalize(text), log_scale.exp(), bias)


def measure(how: str, rank: int, ranks: int, group: dist.ProcessGroup, batch: list[Tensor]) -> Found:
    """What a rank finds of one loss in one group."""
    over, mine = OVER_RANKS[how], slice(rank * len(batch[0]) // ranks, (rank + 1) * len(batch[0]) // ranks)

    def loss(*inputs: Tensor) -> Tensor:
        return over(*inputs, group=group, chunk=2)

    found: Found = {"fp64": value_and_gradients(loss, batch, mine)}
    with Collectives() as counted:
        value_and_gradients(loss, batch, mine)
    found["collectives"] = dict(counted.seen)
    fp32 = [x.float() for x in batch]
    found["bf16"] = value_and_gradients(loss, fp32, mine, bfloat16=True)
    with Collectives() as counted, torch.no_grad():
        found["no_grad"] = loss(*(x[mine] for x in batch[:2]), *batch[2:])
    found["collectives without gradients"] = dict(counted.seen)
    saved: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()) or x, lambda x: x):
        loss(*(x[mine].requires_grad_() for x in (*torch.randn(2, 480, WIDTH),)), *fp32[2:])
    found["saved"] = saved
    return found


def measure_world(how: str, rank: int, batch: list[Tensor]) -> Found:
    """What all ranks find together: open_clip's loss, and the weights after some steps of DDP and FSDP2."""
    part, over = slice(rank * 12 // WORLD, (rank + 1) * 12 // WORLD), OVER_RANKS[how]
    found: Found = {"open_clip": value_and_gradients(of_open_clip("bidir", rank, WORLD), batch, part)}
    found["ddp"] = trained(DistributedDataParallel(Towers()), over, part)
    found["ddp bf16"] = trained(DistributedDataParallel(Towers()), over, part, autocast=True)
    found["fsdp"] = trained(fully_shard(Towers(), mesh=init_device_mesh("cpu", (WORLD,))), over, part)
    try:
        over(torch.ones(2 + rank % 2, 4), torch.ones(2 + rank % 2, 4), torch.zeros(()), torch.zeros(()))
    except ValueError as error:
        found["refused"] = str(error)
    return found


def main(rank: int, folder: Path) -> None:
    batch, found = torch.load(folder / "batch.pt", weights_only=True), {}
    for ranks in range(1, WORLD + 1):
        group = dist.new_group(list(range(ranks)))
        if rank < ranks:
            found |= {(how, ranks): measure(how, rank, ranks, group, batch) for how in OVER_RANKS}
    found |= {how: measure_world(how, rank, batch) for how in OVER_RANKS}
    torch.save(found, folder / f"{rank}.pt")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run(WORLD, folder, partial(main, folder=folder))
