"""Our ViT against timm's SigLIP ViT and open_clip's SigLIP image tower: forward, and a step of training.

All three have the same weights and compute the same function: the peers' GELU is set to the tanh form that SigLIP was
trained with, and the largest difference of their outputs from ours is printed first. A training step is forward, the
mean of the pooled output as loss, backward, and AdamW. Rounds are interleaved; ratios are medians over the rounds of
peer / ours, above 1 if ours is faster.

On CUDA also memory, the peak above that between steps, and MFU: k F (images/s) / (peak FLOP/s), with F the
FLOPs of the matrix products, convolutions and attention of one image's forward (`FlopCounterMode`), k = 1 for forward
and 3 for a step, as backward is twice a forward.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from statistics import median

import torch
from _common import interleaved, paired_ratio, print_setup, print_table
from _towers import Pooled, Towers, build, print_differences
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pali3kit.config.shapes import VIT_SHAPES, VitShape
from pali3kit.training.device import _bf16_is_fast, chosen_device

TINY = VitShape(width=192, depth=4, heads=3, mlp=768, patch=16)
FORWARDS = {"forward": 1, "train step": 3}  # FLOPs in forwards


@dataclass(frozen=True)
class Setting:
    """A number format and the kernel of attention."""

    dtype: torch.dtype
    attention: str
    backend: SDPBackend | None  # None: torch chooses

    def enter(self, device: torch.device) -> ExitStack:
        stack = ExitStack()
        stack.enter_context(torch.autocast(device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16))
        if self.backend is not None:
            stack.enter_context(sdpa_kernel(self.backend))
        return stack


def settings(device: torch.device) -> Iterator[Setting]:
    """fp32, and bf16 where it is fast. Flash and cuDNN attention are for half precision."""
    yield Setting(torch.float32, "sdpa", None)
    if device.type == "cuda":
        yield Setting(torch.float32, "xformers' (efficient)", SDPBackend.EFFICIENT_ATTENTION)
    if not _bf16_is_fast(device):
        print("bf16 is left out: this device computes it many times slower than fp32.\n")
        return
    yield Setting(torch.bfloat16, "sdpa", None)
    if device.type == "cuda":
        yield Setting(torch.bfloat16, "xformers' (efficient)", SDPBackend.EFFICIENT_ATTENTION)
        yield Setting(torch.bfloat16, "flash", SDPBackend.FLASH_ATTENTION)
        yield Setting(torch.bfloat16, "cudnn", SDPBackend.CUDNN_ATTENTION)


@torch.no_grad()
def forward(call: Pooled, images: Tensor, setting: Setting) -> None:
    with setting.enter(images.device):
        call(images)


def train_step(call: Pooled, images: Tensor, setting: Setting, optimizer: torch.optim.Optimizer) -> None:
    with setting.enter(images.device):
        loss = call(images).float().mean()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()


def forward_flops(call: Pooled, images: Tensor) -> int:
    """Of one image."""
    with FlopCounterMode(display=False) as counter:  # it needs the graph: no_grad makes it fail
        call(images[:1])
    return counter.get_total_flops()


def gpu_columns(call: Callable[[], None], setting: Setting, flops: float, peak: float) -> list[str]:
    """MFU at `flops` per second, for bf16 only, and peak memory of a call above the memory before it."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    grown = torch.cuda.max_memory_allocated() - before
    return [f"{flops / (peak * 1e12):.1%}" if setting.dtype == torch.bfloat16 else "-", f"{grown / 2**30:.2f}"]


def passes(towers: Towers, images: Tensor, setting: Setting) -> dict[str, dict[str, Callable[[], None]]]:
    """The measured calls of each model."""
    forwards, steps = {}, {}
    for name, (model, call) in towers.items():
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
        forwards[name] = partial(forward, call, images, setting)
        steps[name] = partial(train_step, call, images, setting, optimizer)
    return {"forward": forwards, "train step": steps}


def print_setting(towers: Towers, images: Tensor, setting: Setting, rounds: int, peak: float) -> None:
    flops, rows = forward_flops(towers["pali3kit"][1], images), []
    for what, calls in passes(towers, images, setting).items():
        seconds = interleaved(calls, rounds)
        for name, taken in seconds.items():
            rate, ratio = len(images) / median(taken), paired_ratio(taken, seconds["pali3kit"])
            row = [what, name, f"{median(taken) * 1e3:.0f}", f"{rate:.1f}", f"{ratio:.3f}"]
            if images.is_cuda:
                row += gpu_columns(calls[name], setting, FORWARDS[what] * flops * rate, peak)
            rows.append(row)
    print(f"{str(setting.dtype).removeprefix('torch.')}, attention: {setting.attention}\n")
    header = ["what", "model", "median ms", "images/s", "peer / ours"]
    print_table(header + (["MFU", "peak GiB"] if images.is_cuda else []), rows)


def main() -> None:
    device = chosen_device()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128 if device.type == "cuda" else 4)
    parser.add_argument("--rounds", type=int, default=30 if device.type == "cuda" else 7)
    parser.add_argument("--tiny", action="store_true", help="a small ViT at 64 pixels: seconds on a CPU, no open_clip")
    parser.add_argument("--peak", type=float, default=989, help="dense bf16 TFLOP/s for MFU; the default is an H100's")
    arguments = parser.parse_args()
    print_setup("timm", "open_clip")
    torch.manual_seed(0)
    shape, image_size = (TINY, 64) if arguments.tiny else (VIT_SHAPES["B/16"], 224)
    towers = build(shape, image_size)
    for model, _ in towers.values():
        model.to(device)
    images = torch.randn(arguments.batch, 3, image_size, image_size, device=device)
    print_differences(towers, images)
    for setting in settings(device):
        print_setting(towers, images, setting, arguments.rounds, arguments.peak)


if __name__ == "__main__":
    main()
