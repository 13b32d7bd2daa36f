"""What one GPU does with the models of this project, in at most eight minutes; one table at the end.

    python speed/gpu.py [--minutes 8] [--peak 989]      on a GPU
    python speed/gpu.py --device cpu --tiny             whether the script runs: the figures mean nothing

Parts, in this order; one that the time is too short for is said so in the table, and so is an error:

- parity: a training step of every stage in bf16 (autocast) against fp32, on the same weights and batch: the relative
  differences of the loss and of the gradient's norm.
- attention: one layer of the 3B encoder, forward and backward in bf16, by each backend at the numbers of tokens of 224,
  812 and 1064 pixels: milliseconds and peak memory.
- step: forward and backward in bf16 of B/16 SigLIP, of one block of ViT-G/14, and of the 3B encoder-decoder on the
  tokens of 224 and 812 pixels: milliseconds, MFU and peak memory. MFU counts three forward passes.
- answers: greedy decoding beside transformers' `generate`, with its dynamic and its static cache, on the same weights.
- copies: images to the device, uint8 from pinned memory and fp32 from pageable memory.

Memory is the peak of allocated memory above that before. Needs torch, timm and lightning beside this checkout;
transformers for `answers`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from importlib.util import find_spec
from statistics import median

import torch
from _common import print_setup, print_table
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import pali3kit as pk
from pali3kit.config.shapes import VIT_SHAPES, VitShape
from pali3kit.language.attention import encoder_attention
from pali3kit.language.generate import generate
from pali3kit.language.layers import EncoderLayer, LayerShape, RelativeBias
from pali3kit.training.device import chosen_device
from pali3kit.training.modules import Batch, StageModule
from pali3kit.vision.vit import ViT

TOKENS = {224: 287, 812: 3412, 1064: 5824}  # of an image at patch 14, with those of the prompt
PROMPT, TARGET = 31, 18
BACKENDS = ("eager", "sdpa", "chunked", "flex", "xformers")
ROUNDS = 5
TINY = VitShape(width=32, depth=2, heads=2, mlp=64, patch=16)
Row = list[str]


@dataclass(frozen=True)
class Setting:
    """The device, whether models are tiny, and the dense bf16 FLOP/s for MFU."""

    device: torch.device
    tiny: bool
    peak: float

    @property
    def vit(self) -> dict[str, int]:
        return asdict(TINY if self.tiny else VIT_SHAPES["B/16"])

    @property
    def image_size(self) -> int:
        return 64 if self.tiny else 224

    def language(self, size: str, vocabulary: int = 32_128) -> nn.Module:
        small = {"width": 32, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 16, "mlp": 64}
        options = {"vocabulary": 500, **small} if self.tiny else {"vocabulary": vocabulary, "size": size}
        return pk.create_language("ul2", **options).to(self.device)

    def ids(self, *shape: int) -> Tensor:
        return torch.randint(3, 500, shape, device=self.device)

    def texts(self, rows: int, vocabulary: int = 500) -> Batch:
        prompts, targets = self.ids(rows, PROMPT), self.ids(rows, TARGET)
        ones = partial(torch.ones_like, dtype=torch.bool)
        return {"prompts": prompts, "prompt_mask": ones(prompts), "targets": targets, "target_mask": ones(targets)}

    def images(self, rows: int) -> Tensor:
        return torch.randint(0, 256, (rows, 3, self.image_size, self.image_size), dtype=torch.uint8, device=self.device)

    def autocast(self, enabled: bool = True) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def measure(self, call: Callable[[], object]) -> tuple[float, str]:
        """Median seconds of a few calls after a first one, and peak GiB above the memory before."""
        call()
        on_gpu, before = self.device.type == "cuda", 0
        if on_gpu:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
        taken = []
        for _ in range(1 if self.tiny else ROUNDS):
            start = time.perf_counter()
            call()
            if on_gpu:
                torch.cuda.synchronize()
            taken.append(time.perf_counter() - start)
        peak = f"{(torch.cuda.max_memory_allocated() - before) / 2**30:.2f}" if on_gpu else "-"
        return median(taken), peak


def stages(setting: Setting) -> Iterator[tuple[str, StageModule, Batch]]:
    """A module and a batch of every kind of training, at B/16 and T5-base's size."""
    rows, size = (4, setting.image_size) if setting.tiny else (32, setting.image_size)
    vit = partial(ViT, **setting.vit, image_size=size, head="map")
    images = setting.images(rows)
    tower = {"width": 32, "depth": 1, "heads": 2, "mlp": 64} if setting.tiny else {
        "width": 768, "depth": 12, "heads": 12, "mlp": 3072,
    }  # fmt: skip
    encoder = vit()
    text = pk.TextTower(500, length=16, out=encoder.width, **tower)
    pairs = {"images": images, "ids": setting.ids(rows, 16)}
    yield "SigLIP", pk.SigLIPModule(pk.TwoTowers(encoder, text, bias=-3.0)), pairs
    labels = torch.zeros(rows, 10, device=setting.device)
    labels[:, 0] = 1
    yield "classification", pk.ClassifierModule(pk.Classifier(vit(), 10)), {"images": images, "labels": labels}
    windows = setting.texts(rows)
    denoised = {"inputs": windows["prompts"], "input_mask": windows["prompt_mask"]}
    yield "UL2", pk.DenoisingModule(setting.language("base")), {**windows, **denoised}
    for name, frozen in (("stage 1", ["vision.*"]), ("stage 2", [])):
        encoder, language = vit(), setting.language("base")
        model = pk.PaLIModel(encoder, pk.create_projector("linear", encoder.width, language.width), language)
        yield name, pk.PaLIModule(model, freeze=frozen), {"images": images, **setting.texts(rows)}


def parity(setting: Setting) -> Iterator[Row]:
    for name, module, batch in stages(setting):
        module = module.to(setting.device).train()
        found = []
        for bf16 in (False, True):
            module.zero_grad()
            torch.manual_seed(0)
            with setting.autocast(bf16):
                loss = module.losses(batch)["loss"]
            loss.backward()
            gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
            found.append((loss.item(), torch.nn.utils.get_total_norm(gradients).item()))
        (loss, norm), (half_loss, half_norm) = found
        yield [name, f"loss {abs(half_loss / loss - 1):.1e}, gradient {abs(half_norm / norm - 1):.1e}", "", ""]


def attention(setting: Setting) -> Iterator[Row]:
    heads = 2 if setting.tiny else 32
    layer = EncoderLayer(LayerShape(heads * 64, heads, 64, heads * 160, "silu", True, 0.0)).to(setting.device)
    relative = RelativeBias(heads, 32, 128, bidirectional=True).to(setting.device)
    gpu_only = () if setting.device.type == "cuda" else ("flex", "xformers")
    for size, tokens in TOKENS.items():
        tokens = 64 if setting.tiny else tokens
        x = torch.randn(1, tokens, heads * 64, device=setting.device, requires_grad=True)
        mask = torch.ones(1, tokens, dtype=torch.bool, device=setting.device)
        for backend in BACKENDS:
            name = f"{backend}, {tokens} tokens ({size} px)"
            if backend in gpu_only:
                yield [name, "needs a GPU", "", ""]
                continue

            def step(backend: str = backend, x: Tensor = x, mask: Tensor = mask) -> None:
                with setting.autocast():
                    layer(x, encoder_attention(backend, relative, mask, torch.bfloat16)).float().mean().backward()

            yield from _measured(setting, name, step)


def _measured(setting: Setting, name: str, step: Callable[[], object], flops: int = 0) -> Iterator[Row]:
    try:
        seconds, peak = setting.measure(step)
    except Exception as error:  # a backend or a size that does not run here is a result
        yield [name, f"{type(error).__name__}: {str(error).splitlines()[0][:60]}", "", ""]
        return
    yield [name, f"{1000 * seconds:.1f} ms", f"{flops / seconds / setting.peak:.1%} MFU" if flops else "", peak]


def steps(setting: Setting) -> Iterator[Row]:
    """Steps of whole models, with their FLOPs: three times those of a forward pass."""
    for name, call in models(setting):
        with FlopCounterMode(display=False) as counter, setting.autocast():
            loss = call()
        flops = 3 * counter.get_total_flops()
        del loss

        def step(call: Callable[[], Tensor] = call) -> None:
            with setting.autocast():
                loss = call()
            loss.backward()

        yield from _measured(setting, name, step, flops)


def models(setting: Setting) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """What computes a loss."""
    _, siglip, pairs = next(stages(setting))
    siglip = siglip.to(setting.device)
    yield f"B/16 SigLIP, batch {len(pairs['ids'])}", lambda: siglip.losses(pairs)["loss"]
    giant = TINY if setting.tiny else VIT_SHAPES["G/14"]
    vit = ViT(**{**asdict(giant), "depth": 1}, image_size=setting.image_size, head="map").to(setting.device)
    rows = 2 if setting.tiny else 64
    images = torch.randn(rows, 3, setting.image_size, setting.image_size, device=setting.device)
    yield f"a block of G/14, batch {rows}", lambda: vit(images).float().mean()
    language = setting.language("3B", vocabulary=250_112)
    for size, rows in ((224, 16), (812, 1)):
        rows, tokens = (2, 16) if setting.tiny else (rows, TOKENS[size] - PROMPT)
        model = pk.PaLIModel(None, pk.create_projector("linear", giant.width, language.width), language)
        module = pk.PaLIModule(model, grid=(1, tokens)).to(setting.device)
        visual = torch.randn(rows, 1, tokens, giant.width, device=setting.device)
        batch = {"tokens": visual, **setting.texts(rows)}
        yield f"3B at {size} px, batch {rows}", lambda module=module, batch=batch: module.losses(batch)["loss"]


def answers(setting: Setting) -> Iterator[Row]:
    """Tokens per second of greedy decoding without ends, and how many times as fast as transformers'."""
    if find_spec("transformers") is None:
        yield ["greedy decoding", "needs transformers", "", ""]
        return
    from _t5 import VOCABULARY, build
    from transformers.modeling_outputs import BaseModelOutput

    ours, theirs = (model.to(setting.device) for model in build("tiny" if setting.tiny else "base", 0.0))
    rows, length, count = (2, 16, 4) if setting.tiny else (32, 256, 64)
    ids = torch.randint(3, VOCABULARY, (rows, length), device=setting.device)
    mask = torch.ones_like(ids, dtype=torch.bool)
    with torch.inference_mode():
        memory = ours.encode(ours.embed(ids), mask)
        known = theirs.encoder(input_ids=ids, attention_mask=mask.long()).last_hidden_state

    def answer(cache: str | None) -> None:
        options = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False, "cache_implementation": cache}
        given = BaseModelOutput(last_hidden_state=known)
        theirs.generate(encoder_outputs=given, attention_mask=mask.long(), pad_token_id=0, **options)

    seconds, peak = setting.measure(lambda: generate(ours, memory, mask, count))
    yield ["greedy decoding, ours", f"{rows * count / seconds:.0f} tokens/s", "", peak]
    for name, cache in (("dynamic", None), ("static", "static")):
        their, peak = setting.measure(partial(answer, cache))
        rate = f"{rows * count / their:.0f} tokens/s"
        yield [f"greedy decoding, transformers, {name} cache", rate, f"ours {their / seconds:.2f} times as fast", peak]


def copies(setting: Setting) -> Iterator[Row]:
    rows, size, on_gpu = 4 if setting.tiny else 256, 224, setting.device.type == "cuda"
    whole = torch.randint(0, 256, (rows, 3, size, size), dtype=torch.uint8)
    batches = {"uint8, pinned": whole.pin_memory() if on_gpu else whole, "fp32, pageable": whole.float()}
    for name, batch in batches.items():
        seconds, peak = setting.measure(lambda batch=batch: batch.to(setting.device, non_blocking=True).float())
        yield [f"images of {size} px, {name}", f"{rows / seconds:.0f} images/s", "", peak]


PARTS = {"parity": parity, "attention": attention, "step": steps, "answers": answers, "copies": copies}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default=chosen_device().type)
    parser.add_argument("--tiny", action="store_true", help="tiny models, as always on a CPU")
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--peak", type=float, default=989.0, help="dense bf16 TFLOP/s; the default is an H100's")
    options = parser.parse_args()
    print_setup()
    device = torch.device(options.device)
    setting = Setting(device, options.tiny or device.type == "cpu", options.peak * 1e12)
    end, rows = time.monotonic() + 60 * options.minutes, list[Row]()
    for part, run in PARTS.items():
        torch.manual_seed(0)
        try:
            for row in run(setting):
                print(part, *row, flush=True)
                rows.append([part, *row])
                if time.monotonic() > end:
                    rows.append([part, "stopped", "the time is over", "", ""])
                    break
        except Exception as error:
            rows.append([part, "failed", f"{type(error).__name__}: {str(error).splitlines()[0][:100]}", "", ""])
        if setting.device.type == "cuda":
            torch.cuda.empty_cache()
        if time.monotonic() > end:
            break
    print()
    print_table(["part", "what", "result", "beside", "peak GiB"], rows)


if __name__ == "__main__":
    main()
