"""Generated answers of PaLI to examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pali3kit.data.batch import ABSENT, collate, place_images
from pali3kit.data.task import Example
from pali3kit.language.generate import Constraint
from pali3kit.models.pali import PaLI
from pali3kit.nn.positions import Grid
from pali3kit.text.tokenizer import Tokenizer

BATCH = 128


def generate_answers(
    model: PaLI,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    tokens: Callable[[torch.Tensor], torch.Tensor],
    grid: Grid,
    prompt_length: int,
    target_length: int,
    beams: int = 1,
    constraint: Constraint | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> list[str]:
    """The generated text for each example, in batches of at most `BATCH` images.

    `tokens` returns the visual tokens `[K,N,D]` of image indices `[K]`, cached or computed; `report` is called with
    the number of answers so far.
    """
    answers: list[str] = []
    model.eval()
    device = next(model.parameters()).device
    size = max(1, BATCH // max((len(example.images) for example in examples), default=1))
    for start in range(0, len(examples), size):
        batch = collate(examples[start : start + size], tokenizer, prompt_length, target_length)
        numbers = batch["image_numbers"]
        there = numbers != ABSENT
        visual = place_images(tokens(numbers[there]).to(device), there.to(device))
        prompts, mask = batch["prompts"].to(device), batch["prompt_mask"].to(device)
        ids = model.generate(visual, grid, prompts, mask, target_length, beams, constraint, there.to(device))
        answers += [tokenizer.decode(row) for row in ids.tolist()]
        report(len(answers))
    return answers
