"""Generation of our encoder-decoder against transformers' `generate` on the same random weights, fp32.

Three modes: greedy without ends, greedy with ends (the weights of the end token's logit are scaled so that about one in
seven answers ends at each step), and four beams. Answers are compared first: a row says how many are equal up to their
ends. "First" is the time to the first token, including the encoder; tokens per second are of decoding alone, with the
encoder's output given. Rounds are interleaved; times are medians, and the ratio is the median over the rounds, above 1
if ours is faster.
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
from torch import Tensor
from transformers import T5ForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from pali3kit.language.generate import generate
from pali3kit.language.ul2 import UL2

WAYS = {"greedy": (0.0, 1), "greedy, ends": (4.0, 1), "4 beams": (0.0, 4)}


class Ours:
    """Our model over the prompts `ids`."""

    def __init__(self, model: UL2, ids: Tensor, beams: int) -> None:
        self.model, self.ids, self.beams = model, ids, beams
        self.mask = torch.ones_like(ids, dtype=torch.bool)

    @torch.inference_mode()
    def encode(self) -> Tensor:
        return self.model.encode(self.model.embed(self.ids), self.mask)

    def answer(self, memory: Tensor, steps: int) -> Tensor:
        return generate(self.model, memory, self.mask, steps, self.beams, length_penalty=0.0)


class Theirs:
    """transformers' model; without a length penalty its beam search is ours."""

    def __init__(self, model: T5ForConditionalGeneration, ids: Tensor, beams: int) -> None:
        self.model, self.mask = model, torch.ones_like(ids)
        self.ids = ids
        self.options = {
            "num_beams": beams, "do_sample": False, "pad_token_id": 0, "eos_token_id": 1,
            **({"length_penalty": 0.0, "early_stopping": "never"} if beams > 1 else {}),
        }  # fmt: skip

    @torch.inference_mode()
    def encode(self) -> BaseModelOutput:
        return self.model.encoder(input_ids=self.ids, attention_mask=self.mask)

    def answer(self, memory: BaseModelOutput, steps: int) -> Tensor:
        copy = BaseModelOutput(last_hidden_state=memory.last_hidden_state)  # beam search modifies its input
        options = {"attention_mask": self.mask, "max_new_tokens": steps, **self.options}
        return self.model.generate(encoder_outputs=copy, **options)[:, 1:]


def ended(answers: Tensor) -> list[list[int]]:
    """Each row up to its end token."""
    return [row[: row.index(1) + 1] if 1 in row else row for row in answers.tolist()]


def measure(size: str, way: str, batch: int, length: int, steps: int, rounds: int) -> list[str]:
    """One row of the table."""
    ends, beams = WAYS[way]
    model, peer = build(size, ends)
    ids = torch.randint(2, VOCABULARY, (batch, length), generator=torch.Generator().manual_seed(1))
    both = {"ours": Ours(model, ids, beams), "transformers": Theirs(peer, ids, beams)}
    memories = {name: one.encode() for name, one in both.items()}
    answers = {name: ended(one.answer(memories[name], steps)) for name, one in both.items()}
    equal = sum(a == b for a, b in zip(*answers.values(), strict=True))
    jobs: dict[tuple[str, str], Callable[[], object]] = {}
    for name, one in both.items():
        jobs[name, "first"] = lambda one=one: one.answer(one.encode(), 1)
        jobs[name, "all"] = partial(one.answer, memories[name], steps)
    times = interleaved(jobs, rounds, warm_up=0)
    first = [f"{1000 * median(times[name, 'first']):.0f}" for name in both]
    tokens = sum(map(len, answers["ours"]))
    rates = [f"{tokens / median(times[name, 'all']):.0f}" for name in both]
    ratio = paired_ratio(times["transformers", "all"], times["ours", "all"])
    return [size, way, str(batch), str(length), f"{equal}/{batch}", *first, *rates, f"{ratio:.2f}"]


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
