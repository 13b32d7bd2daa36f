"""Examples to padded token ids and padded image numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pali3kit.data.task import Example
from pali3kit.text.tokenizer import Tokenizer

ABSENT = -1  # the number of an image that is not there


def collate(
    examples: Sequence[Example], tokenizer: Tokenizer, prompt_length: int, target_length: int
) -> dict[str, Tensor]:
    """`prompts`, `targets` int64 `[B,P]`, `[B,T]`, their bool masks `prompt_mask`, `target_mask`, and `image_numbers`
    int64 `[B,F]`; where some examples have fewer than F images, `image_mask` bool `[B,F]`, True where there is one.

    F is the largest number of images of an example, and at least 1; absent ones have the number -1. Texts are padded
    to the longest of the batch; longer prompts and targets are cut. A cut target still ends with EOS: the model cannot
    learn what is missing, but it can learn to stop.
    """
    prompts = [tokenizer.encode(e.prompt, max_length=prompt_length) for e in examples]
    targets = [tokenizer.encode(e.target, eos=True, max_length=target_length) for e in examples]
    most = max(1, *(len(e.images) for e in examples))
    numbers = torch.tensor([[*e.images, *[ABSENT] * (most - len(e.images))] for e in examples])
    batch = {"image_numbers": numbers}
    for name, rows in (("prompt", prompts), ("target", targets)):
        ids, mask = tokenizer.pad(rows)
        batch[f"{name}s"], batch[f"{name}_mask"] = torch.from_numpy(ids), torch.from_numpy(mask)
    if not all(len(e.images) == most for e in examples):
        batch["image_mask"] = numbers != ABSENT
    return batch


def place_images(found: Tensor, there: Tensor) -> Tensor:
    """`[K,...]`, one for each of the K images of a batch in order, as `[B,F,...]`: zeros where the mask `there`, bool
    `[B,F]`, has no image.
    """
    shape = (*there.shape, *found.shape[1:])
    if len(found) == there.numel():
        return found.view(shape)
    placed = found.new_zeros(shape)
    placed[there] = found
    return placed
