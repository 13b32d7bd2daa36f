"""Peak memory and time of one encoder layer of the 3B shape at 5,776 visual tokens and 128 of text, by attention.

Forward and backward of one example in fp32, each in a process of its own: measured is the growth of resident memory (on
CUDA: allocated memory) above the layer and its inputs. `--heads` makes the layer smaller; 32 is the 3B shape.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import torch
from _common import print_setup, print_table
from _memory import growth, peak_of_process

from pali3kit.language.attention import encoder_attention
from pali3kit.language.layers import EncoderLayer, LayerShape, RelativeBias
from pali3kit.training.device import chosen_device

TOKENS = 5776 + 128
MEBIBYTE = 1 << 20


def run(backend: str, heads: int, tokens: int) -> tuple[int, float]:
    """Peak bytes, and seconds."""
    torch.manual_seed(0)
    device, width = chosen_device(), 64 * heads
    layer = EncoderLayer(LayerShape(width, heads, 64, width * 5 // 2, "silu", True, 0.0)).to(device)
    relative = RelativeBias(heads, 32, 128, bidirectional=True).to(device)
    x = torch.randn(1, tokens, width, device=device, requires_grad=True)
    mask = torch.ones(1, tokens, dtype=torch.bool, device=device)

    def step() -> None:
        layer(x, encoder_attention(backend, relative, mask, x.dtype)).square().mean().backward()

    start = time.perf_counter()
    if device.type == "cuda":
        before = torch.cuda.memory_allocated()
        step()
        return torch.cuda.max_memory_allocated() - before, time.perf_counter() - start
    return growth(step), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=TOKENS)
    parser.add_argument("--alone", help="measure this attention and print milliseconds * 2**40 + bytes")
    options = parser.parse_args()
    if options.alone:
        peak, seconds = run(options.alone, options.heads, options.tokens)
        print(int(1000 * seconds) * 2**40 + peak)
        return
    print_setup()
    backends = ["eager", "sdpa", "chunked", *(["flex", "xformers"] if torch.cuda.is_available() else [])]
    rows, eager = [], 0
    for backend in backends:
        words = [
            str(Path(__file__)),
            "--alone",
            backend,
            "--heads",
            str(options.heads),
            "--tokens",
            str(options.tokens),
        ]
        milliseconds, peak = divmod(peak_of_process(*words), 2**40)
        eager = eager or peak
        rows.append([backend, str(peak // MEBIBYTE), f"{peak / eager:.2f}", f"{milliseconds / 1000:.1f}"])
    print(f"{options.heads} heads of 64, {options.tokens} tokens\n")
    print_table(["attention", "peak MiB", "of eager", "s"], rows)


if __name__ == "__main__":
    sys.exit(main())
