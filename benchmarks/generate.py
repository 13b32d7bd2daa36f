"""Generation of our encoder-decoder against transformers' `generate` on the same random weights, fp32.

Three ways: greedy with answers that never end, greedy with answers that end by themselves (the weights of the end's
logit are scaled, so that about one in seven goes on to end at each step), and four beams. Answers are compared first:
equal up to their ends, or the row says of how many of them that is true. "First" is the time to the first token, the
encoder included; tokens per second are of the steps after it, counting what was answered. Models take turns; times are
medians, the ratio is that of tokens per second, above 1 where ours are more.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from itertools import product
from statistics import median

import torch
from _common import interleaved, print_setup, print_table
from _t5 import VOCABULARY, build
from torch import Tensor
from transformers import T5ForConditionalGeneration

from pali3kit.language.generate import generate
from pali3kit.language.ul2 import UL2

WAYS = {"greedy": (0.0, 1), "greedy, ends": (4.0, 1), "4 beams": (0.0, 4)}
Generate = Callable[[int], Tensor]


@torch.inference_mode()
def ours(model: UL2, ids: Tensor, beams: int, steps: int) -> Tensor:
    """Answers `[B,steps]` at most."""
    mask = torch.ones_like(ids, dtype=torch.bool)
    return generate(model, model.encode(model.embed(ids), mask), mask, steps, beams, length_penalty=0.0)


def theirs(model: T5ForConditionalGeneration, ids: Tensor, beams: int, steps: int) -> Tensor:
    """The same by transformers; without a length penalty beam search is the same there."""
    answers = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=steps, num_beams=beams, do_sample=False,
        pad_token_id=0, eos_token_id=1, length_penalty=0.0, early_stopping="never" if beams > 1 else False,
    )  # fmt: skip
    return answers[:, 1:]


def ended(answers: Tensor) -> list[list[int]]:
    """Each row up to its end."""
    return [row[: row.index(1) + 1] if 1 in row else row for row in answers.tolist()]


def measure(size: str, way: str, batch: int, length: int, steps: int, rounds: int) -> list[str]:
    """One row of the table."""
    ends, beams = WAYS[way]
    model, peer = build(size, ends)
    ids = torch.randint(2, VOCABULARY, (batch, length), generator=torch.Generator().manual_seed(1))
    calls: dict[str, Generate] = {
        "ours": partial(ours, model, ids, beams),
        "transformers": partial(theirs, peer, ids, beams),
    }
    answers = {name: ended(call(steps)) for name, call in calls.items()}
    equal = sum(a == b for a, b in zip(*answers.values(), strict=True))
    tokens = sum(len(row) - 1 for row in answers["ours"])
    jobs = {(name, n): partial(call, n) for name, call in calls.items() for n in (1, steps)}
    seconds = {key: median(times) for key, times in interleaved(jobs, rounds, warm_up=0).items()}
    rate = {name: tokens / (seconds[name, steps] - seconds[name, 1]) for name in calls}
    return [
        size, way, str(batch), str(length), f"{equal}/{batch}",
        *(f"{1000 * seconds[name, 1]:.0f}" for name in calls), *(f"{rate[name]:.0f}" for name in calls),
        f"{rate['ours'] / rate['transformers']:.2f}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["small", "base"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 32])
    parser.add_argument("--lengths", nargs="+", type=int, default=[64, 256, 1024])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--steps", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print_setup("transformers")
    head = ["size", "way", "batch", "encoder", "equal", "first ms", "transformers", "tokens/s", "transformers", "ratio"]
    for size, way, length in product(options.sizes, options.ways, options.lengths):
        rows = [measure(size, way, batch, length, options.steps, options.rounds) for batch in options.batches]
        print_table(head, rows)


if __name__ == "__main__":
    main()
