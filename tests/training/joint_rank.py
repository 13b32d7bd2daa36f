"""Two ranks that train PaLI together: run by test_joint.py as `joint_rank.py FOLDER`, which has `pieces.model`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import register_fsdp_forward_method
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from pali3kit.data.task import Example
from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import PaLIModel
from pali3kit.plan.pali import TextConfig
from pali3kit.projector.linear import LinearProjector
from pali3kit.text.tokenizer import Tokenizer
from pali3kit.training.joint import _microbatches
from pali3kit.training.microbatches import part
from pali3kit.training.modules import Batch, PaLIModule
from pali3kit.training.shard import average_and_clip, shard
from pali3kit.vision.vit import ViT

sys.path.insert(0, str(Path(__file__).parents[1]))

from ranks import run

WORLD = 2
CONFIG = TextConfig(source={}, image_size=16, bins=9, prompt_length=20, target_length=80)
LENGTHS = CONFIG.prompt_length, CONFIG.target_length
TARGETS = [" ".join(["one two three"] * (1 + i % 4)) for i in range(10)]
SEVERAL = [  # of one to three images, and one about text alone
    Example(tuple((i + n) % 10 for n in range(1 + i % 3)) if i != 4 else (), "how many ?", text)
    for i, text in enumerate(TARGETS)
]
CASES = {
    "several images": SEVERAL,
    "one replaced": [*SEVERAL[:3], Example((9,), "how many ?", "one two three four five six seven"), *SEVERAL[4:]],
    "text alone in the first rank": [
        Example(() if i < 5 else (i,), "how many ?", text) for i, text in enumerate(TARGETS)
    ],
}
Gradients = dict[str, Tensor]


def module(tokenizer: Tokenizer) -> PaLIModule:
    torch.manual_seed(0)
    vision = ViT(16, width=12, depth=1, heads=2, mlp=16, patch=8, head="gap")
    language = UL2(len(tokenizer), width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
    return PaLIModule(PaLIModel(vision, LinearProjector(12, 16), language), vision.native_grid)


def with_images(batch: Batch) -> Batch:
    images = torch.randn(10, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    return {**batch, "images": images[batch.pop("image_numbers")]}


@cache
def _mesh() -> DeviceMesh:
    return init_device_mesh("cpu", (1, WORLD), mesh_dim_names=("nodes", "devices"))


class _Losses(nn.Module):
    """What DDP calls, as Lightning's does `training_step`."""

    def __init__(self, module: PaLIModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        return self.module.losses(batch)


def gradients(
    tokenizer: Tokenizer, examples: list[Example], microbatches: int = 1, strategy: str = ""
) -> tuple[Gradients, dict[str, Tensor]]:
    """A step's gradient and means of loss and accuracy, as Lightning forms them over microbatches and ranks."""
    trained = module(tokenizer)
    if strategy == "fsdp":
        shard(trained, _mesh())
        register_fsdp_forward_method(trained, "losses")
    losses = DistributedDataParallel(_Losses(trained)) if strategy == "ddp" else _Losses(trained)
    mine = part(examples, dist.get_rank(), WORLD) if strategy else examples
    means: dict[str, Tensor] = {}
    for number, batch in enumerate(_microbatches(mine, tokenizer, LENGTHS, microbatches)):
        last = number == microbatches - 1
        with losses.no_sync() if isinstance(losses, DistributedDataParallel) and not last else nullcontext():
            numbers = losses(with_images(batch))
            (numbers["loss"] / microbatches).backward()
        for name, value in numbers.items():
            means[name] = means.get(name, torch.zeros(())) + value.detach() / microbatches
    if strategy == "fsdp":
        average_and_clip(trained.parameters(), None)
    if strategy:
        for value in means.values():
            dist.all_reduce(value)
            value /= WORLD
    known = ((name, p.grad) for name, p in trained.named_parameters())
    whole = {name: g.full_tensor() if isinstance(g, DTensor) else g for name, g in known if g is not None}
    return whole, means


def main(rank: int, folder: Path) -> None:
    tokenizer = Tokenizer(folder / "pieces.model", codes=4, sentinels=2)
    found = {
        f"{name}, {strategy}, {count}": gradients(tokenizer, examples, count, strategy)
        for name, examples in CASES.items()
        for strategy in ("ddp", "fsdp")
        for count in (1, 3)
    }
    if rank == 0:
        torch.save(found, folder / "found.pt")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run(WORLD, folder, partial(main, folder=folder))
