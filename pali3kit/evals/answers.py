"""Answers of PaLI to examples: generated ones, and the log-probabilities of given ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch

from pali3kit.data.batch import ABSENT, collate, place_images
from pali3kit.data.task import Example
from pali3kit.evals.batches import BATCH, images_per_batch
from pali3kit.language.generate import Constraint, log_probabilities
from pali3kit.models.pali import PaLIModel
from pali3kit.nn.positions import Grid
from pali3kit.text.tokenizer import Tokenizer

Batches = Sequence[Sequence[Example]]
Map = Callable[[Callable[[Sequence[Example]], list[str]], Batches], Iterable[list[str]]]
"""`map`, or what shares the batches among ranks."""
Tokens = Callable[[torch.Tensor], torch.Tensor]
"""From numbers of images `[K]` to their visual tokens `[K,N,D]`, cached or computed."""
LOGITS = 1 << 28
"""The most logits at once of answers that are scored: 1 GiB in fp32."""


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
    tokens: Tokens,
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

    `report` is called with the number of answers so far. `over` maps batches to answers; the result has those that
    it yields.
    """
    model.eval()
    device = next(model.parameters()).device

    def answer(some: Sequence[Example]) -> list[str]:
        visual, prompts, mask, there = _inputs(some, tokenizer, tokens, prompt_length, device)
        ids = model.generate(visual, grid, prompts, mask, target_length, beams, constraint, there)
        return [tokenizer.decode(row) for row in ids.tolist()]

    images = max((len(example.images) for example in examples), default=1)
    size = examples_per_batch(model, grid, images, prompt_length, target_length, beams, max_tokens)
    answers: list[str] = []
    for texts in over(answer, [examples[start : start + size] for start in range(0, len(examples), size)]):
        answers += texts
        report(len(answers))
    return answers


@torch.inference_mode()
def score_answers(
    model: PaLIModel,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    answers: Sequence[Sequence[str]],
    tokens: Tokens,
    grid: Grid,
    prompt_length: int,
    normalize: bool,
    max_tokens: int = 0,
) -> list[list[float]]:
    """The log-probability in nats of each of the `answers` to an example, its end token included.

    With `normalize` it is divided by the number of tokens, the end token included. The answers to an example share its
    encoded images and prompt. Answers are not cut. Other arguments are those of `generate_answers`.
    """
    model.eval()
    device = next(model.parameters()).device
    ids = [[tokenizer.encode(answer, eos=True) for answer in each] for each in answers]
    most, longest = max(map(len, ids), default=0), max((len(row) for each in ids for row in each), default=0)
    if not most:
        return [[] for _ in examples]
    images = max((len(example.images) for example in examples), default=1)
    size = examples_per_batch(model, grid, images, prompt_length, longest, most, max_tokens)
    size = min(size, max(1, LOGITS // (longest * len(tokenizer))))
    scores: list[list[float]] = []
    for start in range(0, len(examples), size):
        visual, prompts, mask, there = _inputs(examples[start : start + size], tokenizer, tokens, prompt_length, device)
        memory, mask = model.encode(visual, grid, prompts, mask, there)
        some = ids[start : start + size]
        filled = [[*each, *[[tokenizer.eos_id]] * (most - len(each))] for each in some]
        columns = max(1, LOGITS // (len(some) * longest * len(tokenizer)))
        parts = [
            _log_probabilities(model, tokenizer, memory, mask, [each[at : at + columns] for each in filled], normalize)
            for at in range(0, most, columns)
        ]
        rows = torch.cat(parts, 1).tolist()
        scores += [row[: len(each)] for row, each in zip(rows, some, strict=True)]
    return scores


def _log_probabilities(
    model: PaLIModel,
    tokenizer: Tokenizer,
    memory: torch.Tensor,
    mask: torch.Tensor,
    answers: Sequence[Sequence[Sequence[int]]],
    normalize: bool,
) -> torch.Tensor:
    """`[B,K]` in float64 for the ids of K answers to each of the B rows of `memory`."""
    targets, there = map(torch.from_numpy, tokenizer.pad([row for each in answers for row in each]))
    found = log_probabilities(model.language, memory, mask, targets.to(memory.device)).double().cpu()
    sums = found.masked_fill(~there, 0.0).sum(-1)
    return (sums / there.sum(-1) if normalize else sums).view(len(answers), -1)


def _inputs(
    examples: Sequence[Example], tokenizer: Tokenizer, tokens: Tokens, prompt_length: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Visual tokens `[B,F,N,D]`, prompts `[B,P]`, their mask, and the mask of images `[B,F]`."""
    batch = collate(examples, tokenizer, prompt_length, 1)
    there = batch["image_numbers"] != ABSENT
    visual = place_images(tokens(batch["image_numbers"][there]).to(device), there.to(device))
    return visual, batch["prompts"].to(device), batch["prompt_mask"].to(device), there.to(device)
