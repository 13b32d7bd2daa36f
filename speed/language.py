"""A training step of our encoder-decoder against transformers' T5 on the same random weights.

A step is forward, the mean cross-entropy of the targets, backward, and AdamW; no dropout. The two losses are printed
first. Rounds are interleaved; times are medians, and the ratio is the median over the rounds, above 1 if ours is
faster. fp32, on CUDA also bf16 autocast, with the peak of memory above that between steps.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from itertools import product
from statistics import median

import torch
from _common import interleaved, paired_ratio, print_setup, print_table
from _t5 import VOCABULARY, build
from torch import Tensor, nn

from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import shift_right
from pali3kit.training.device import chosen_device

Loss = Callable[[Tensor, Tensor], Tensor]


def our_loss(model: UL2, ids: Tensor, targets: Tensor) -> Tensor:
    mask = torch.ones_like(ids, dtype=torch.bool)
    memory = model.encode(model.embed(ids), mask)
    logits = model.decode(shift_right(targets, model.start_id), memory, mask)
    return nn.functional.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def their_loss(model: nn.Module, ids: Tensor, targets: Tensor) -> Tensor:
    return model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=targets).loss  # type: ignore[no-any-return]


def step(loss: Loss, ids: Tensor, targets: Tensor, optimizer: torch.optim.Optimizer, half: bool) -> None:
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=half):
        value = loss(ids, targets)
    value.backward()
    optimizer.step()
    optimizer.zero_grad()


def peak(call: Callable[[], None]) -> str:
    """Peak GiB of a call above the memory before it."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    return f"{(torch.cuda.max_memory_allocated() - before) / 2**30:.2f}"


def measure(size: str, batch: int, length: int, target: int, rounds: int) -> list[list[str]]:
    """The rows of one setting."""
    device = chosen_device()
    model, peer = (each.to(device).train() for each in build(size, 1.0))
    generator = torch.Generator().manual_seed(1)
    ids, targets = (torch.randint(2, VOCABULARY, (batch, n), generator=generator).to(device) for n in (length, target))
    losses: dict[str, Loss] = {"pali3kit": partial(our_loss, model), "transformers": partial(their_loss, peer)}
    with torch.no_grad():
        values = {name: f"{float(loss(ids, targets)):.5f}" for name, loss in losses.items()}
    optimizers = {"pali3kit": model, "transformers": peer}
    optimizer = {name: torch.optim.AdamW(one.parameters(), lr=1e-5) for name, one in optimizers.items()}
    rows = []
    for half in (False, True) if device.type == "cuda" else (False,):
        calls = {name: partial(step, loss, ids, targets, optimizer[name], half) for name, loss in losses.items()}
        seconds = interleaved(calls, rounds)
        for name, taken in seconds.items():
            tokens = batch * (length + target) / median(taken)
            ratio = paired_ratio(taken, seconds["pali3kit"])
            row = [size, "bf16" if half else "fp32", str(batch), str(length), name, values[name]]
            row += [f"{median(taken) * 1e3:.0f}", f"{tokens:.0f}", f"{ratio:.3f}"]
            rows.append(row + ([peak(calls[name])] if device.type == "cuda" else []))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["small", "base"])
    parser.add_argument("--batches", nargs="+", type=int, default=[8])
    parser.add_argument("--lengths", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--target", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print_setup("transformers")
    head = ["size", "format", "batch", "encoder", "by", "loss", "median ms", "tokens/s", "time / ours"]
    head += ["peak GiB"] if torch.cuda.is_available() else []
    for size, batch in product(options.sizes, options.batches):
        rows = [row for n in options.lengths for row in measure(size, batch, n, options.target, options.rounds)]
        print_table(head, rows)


if __name__ == "__main__":
    main()
