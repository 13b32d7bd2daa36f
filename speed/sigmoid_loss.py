"""Our sigmoid loss against open_clip's `SigLipLoss`: memory, time and error of forward and backward on the CPU.

Both start with embeddings [B,D] of any norm, a log-scale and a bias, as a model's last layers return them. open_clip's
model normalises and exponentiates before it calls the loss, so that this is part of its side here.

- saved: bytes of the distinct storages that autograd keeps for backward, without the four inputs themselves.
- peak: the largest growth of a fresh process's resident memory during forward and backward, with the gradients of the
  inputs.
- time: median of interleaved rounds of forward and backward.
- error: relative L2 distance to naive autograd in fp64 from the same numbers. The embeddings are representable in bf16,
  so that rounding the input is not counted. "bf16" is bf16 embeddings under autocast, as in a training step; their
  gradients are bf16 too, and "exact, rounded" is the least possible error in that format.
"""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import product
from statistics import median

import torch
from _common import interleaved, paired_ratio, print_setup, print_table
from _memory import growth, peak_of_process, saved_bytes
from open_clip.loss import SigLipLoss
from torch import Tensor
from torch.nn.functional import logsigmoid, normalize

from pali3kit.losses.sigmoid import sigmoid_loss

Loss = Callable[..., Tensor]
CHUNK = 1024  # chunk of images whose logits exist at a time, for both
MIB = 2**20


def losses() -> dict[str, Loss]:
    """Ours and open_clip's, by name; its releases up to 3.3 have no chunks (its main branch has)."""
    found: dict[str, Loss] = {"pali3kit": partial(sigmoid_loss, chunk=CHUNK), "open_clip": open_clip_loss(SigLipLoss())}
    if "chunk_size" in inspect.signature(SigLipLoss).parameters:
        found["open_clip chunked"] = open_clip_loss(SigLipLoss(chunk_size=CHUNK))
    return found


def open_clip_loss(module: SigLipLoss) -> Loss:
    def loss(image: Tensor, text: Tensor, log_scale: Tensor, bias: Tensor) -> Tensor:
        return module(normalize(image, dim=-1), normalize(text, dim=-1), log_scale.exp(), bias)

    return loss


def naive(image: Tensor, text: Tensor, log_scale: Tensor, bias: Tensor) -> Tensor:
    x, y = (z / z.norm(dim=-1, keepdim=True) for z in (image, text))
    signs = 2 * torch.eye(len(x), dtype=x.dtype) - 1
    return -logsigmoid(signs * (log_scale.exp() * x @ y.T + bias)).sum() / len(x)


def inputs(batch: int, width: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Embeddings of pairs that resemble each other, and SigLIP's initial scale 10 and bias -10."""
    generator = torch.Generator().manual_seed(0)
    image, noise = torch.randn(2, batch, width, generator=generator)
    pair = [z.bfloat16().to(dtype) for z in (image, image + noise)]
    precise = torch.promote_types(dtype, torch.float32)  # autocast leaves parameters in fp32
    scalars = [torch.tensor(number, dtype=precise) for number in (math.log(10), -10.0)]
    return [tensor.requires_grad_() for tensor in (*pair, *scalars)]


def forward_backward(loss: Loss, leaves: list[Tensor]) -> list[Tensor]:
    """The loss and its gradients by `leaves`."""
    value = loss(*leaves)
    return [value.detach(), *torch.autograd.grad(value, leaves)]


def peak_of(name: str, batch: int, width: int) -> int:
    """Bytes, from this script run once more as a process of its own."""
    return peak_of_process(__file__, "--peak", name, str(batch), str(width))


def own_peak(name: str, batch: int, width: int) -> int:
    loss, leaves = losses()[name], inputs(batch, width)
    forward_backward(loss, inputs(64, width))  # a warm-up: libraries allocate at their first use
    return growth(partial(forward_backward, loss, leaves))


def print_costs(shapes: list[tuple[int, int]], rounds: int) -> None:
    rows = []
    for batch, width in shapes:
        leaves = inputs(batch, width)
        calls = {name: partial(forward_backward, loss, leaves) for name, loss in losses().items()}
        seconds = interleaved(calls, rounds)
        for name, loss in losses().items():
            saved, peak = saved_bytes(loss, leaves) / MIB, peak_of(name, batch, width) / MIB
            ratio = paired_ratio(seconds[name], seconds["pali3kit"])
            costs = [f"{saved:.1f}", f"{peak:.0f}", f"{median(seconds[name]) * 1e3:.0f}", f"{ratio:.2f}"]
            rows.append([str(batch), str(width), name, *costs])
    print_table(["B", "D", "loss", "saved MiB", "peak MiB", "time ms", "time / ours"], rows)


def found_by(loss: Loss, leaves: list[Tensor]) -> list[Tensor]:
    autocast = torch.autocast("cpu", torch.bfloat16) if leaves[0].dtype == torch.bfloat16 else nullcontext()
    with autocast:
        return forward_backward(loss, leaves)


def print_errors(shapes: list[tuple[int, int]]) -> None:
    rows = []
    for (batch, width), dtype in product(shapes, (torch.float32, torch.bfloat16)):
        exact = forward_backward(naive, inputs(batch, width, torch.float64))
        found = {name: found_by(loss, inputs(batch, width, dtype)) for name, loss in losses().items()}
        found["exact, rounded"] = [
            exact[0].float(),
            *(g.to(dtype) for g in exact[1:3]),
            *(g.float() for g in exact[3:]),
        ]
        for name, tensors in found.items():
            errors = [f"{(f - e).norm() / e.norm():.1e}" for f, e in zip(tensors, exact, strict=True)]
            rows.append([str(batch), str(width), str(dtype).removeprefix("torch."), name, *errors])
    print_table(["B", "D", "inputs", "by", "loss", "d image", "d text", "d log_scale", "d bias"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, nargs="+", default=[2048, 8192, 16384], help="16384 needs 7 GiB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        name, batch, width = arguments.peak
        print(own_peak(name, int(batch), int(width)))
        return
    print_setup("open_clip")
    smallest = min(arguments.batches)
    print_costs([(smallest, 768), *((batch, 128) for batch in arguments.batches)], arguments.rounds)
    print_errors([(smallest, 128), (smallest, 768)])


if __name__ == "__main__":
    main()
