"""Generated answers of PaLI to examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from pali3kit.data.batch import collate
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
    """The generated text for each example.

    `tokens` returns the visual tokens `[B,N,D]` of image indices `[B]`, cached or computed; `report` is called with
    the number of answers so far.
    """
    answers: list[str] = []
    model.eval()
    device = next(model.parameters()).device
    for start in range(0, len(examples), BATCH):
        batch = collate(examples[start : start + BATCH], tokenizer, prompt_length, target_length)
        visual, prompts, mask = (x.to(device) for x in (tokens(batch["image"]), batch["prompts"], batch["prompt_mask"]))
        ids = model.generate(visual, grid, prompts, mask, target_length, beams, constraint)
        answers += [tokenizer.decode(row) for row in ids.tolist()]
        report(len(answers))
    return answers
