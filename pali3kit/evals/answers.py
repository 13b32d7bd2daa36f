"""Generated answers of PaLI to examples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch

from pali3kit.data.batch import ABSENT, collate, place_images
from pali3kit.data.task import Example
from pali3kit.evals.features import BATCH, images_per_batch
from pali3kit.language.generate import Constraint
from pali3kit.models.pali import PaLIModel
from pali3kit.nn.positions import Grid
from pali3kit.text.tokenizer import Tokenizer

Batches = Sequence[Sequence[Example]]
Map = Callable[[Callable[[Sequence[Example]], list[str]], Batches], Iterable[list[str]]]
"""`map`, or what shares the batches among ranks."""


def examples_per_batch(
    model: PaLIModel,
    grid: Grid,
    images: int,
    prompt_length: int,
    target_length: int,
    beams: int,
    max_tokens: int = 0,
) -> int:
    """How many examples are answered at once: `images_per_batch` of its tokens, which `max_tokens` bounds.

    An example has `images` of `grid` tokens in the vision encoder. In the decoder's cache it has the projected ones,
    the prompt and, for each beam, the answer: beams share the keys and values of the encoder's output.

    Peak memory is at most that of the weights, of the cache with 2 x layers x heads x head width numbers per token,
    and of one layer of the encoder with 3 x mlp + 6 x width numbers per token (its input, norm, queries, keys, values,
    output). For the 3B model (24 layers, 32 heads of 64, mlp 5120) these are 98,304 and 27,648 numbers, in fp32 504 kB:
    33 GB for 65,536 tokens, beside 22.5 GB of weights with ViT-G/14. In bf16 tokens need half of it, and weights have
    copies of 11.3 GB. At 1064 pixels an example with 5,776 visual tokens, a prompt of 128 and two beams of 128 has
    6,160: ten are answered at once, where 128 would need 397 GB.
    """
    rows, columns = grid
    cached = images * model.projector.out_tokens(grid) + prompt_length + beams * target_length
    tokens = max(cached, images * rows * columns)
    return max(1, min(BATCH // max(1, images), images_per_batch(tokens, max_tokens)))


def generate_answers(
    model: PaLIModel,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    tokens: Callable[[torch.Tensor], torch.Tensor],
    grid: Grid,
    prompt_length: int,
    target_length: int,
    beams: int = 1,
    constraint: Constraint | None = None,
    report: Callable[[int], None] = lambda done: None,
    max_tokens: int = 0,
    over: Map = map,
) -> list[str]:
    """The generated text for each example, in batches of `examples_per_batch`.

    `tokens` returns the visual tokens `[K,N,D]` of image indices `[K]`, cached or computed; `report` is called with
    the number of answers so far. `over` maps batches to answers; the result has those that it yields.
    """
    model.eval()
    device = next(model.parameters()).device

    def answer(some: Sequence[Example]) -> list[str]:
        batch = collate(some, tokenizer, prompt_length, target_length)
        numbers = batch["image_numbers"]
        there = numbers != ABSENT
        visual = place_images(tokens(numbers[there]).to(device), there.to(device))
        prompts, mask = batch["prompts"].to(device), batch["prompt_mask"].to(device)
        ids = model.generate(visual, grid, prompts, mask, target_length, beams, constraint, there.to(device))
        return [tokenizer.decode(row) for row in ids.tolist()]

    images = max((len(example.images) for example in examples), default=1)
    size = examples_per_batch(model, grid, images, prompt_length, target_length, beams, max_tokens)
    answers: list[str] = []
    for texts in over(answer, [examples[start : start + size] for start in range(0, len(examples), size)]):
        answers += texts
        report(len(answers))
    return answers
