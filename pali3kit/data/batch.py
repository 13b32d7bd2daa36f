"""Examples to padded token ids."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pali3kit.data.task import Example
from pali3kit.text.tokenizer import Tokenizer


def collate(
    examples: Sequence[Example], tokenizer: Tokenizer, prompt_length: int, target_length: int
) -> dict[str, Tensor]:
    """`prompts`, `targets` int64 `[B,P]`, `[B,T]`, their bool masks, and `image` int64 `[B]`; where some examples are
    about text alone, `sighted` bool `[B]`, True for the others.

    Padded to the longest of the batch; longer prompts and targets are cut (a cut target still ends with EOS, since
    what is missing cannot be learnt, but where to stop can).
    """
    prompts = [tokenizer.encode(e.prompt, max_length=prompt_length) for e in examples]
    targets = [tokenizer.encode(e.target, eos=True, max_length=target_length) for e in examples]
    batch = {"image": torch.tensor([e.image for e in examples])}
    for name, rows in (("prompt", prompts), ("target", targets)):
        ids, mask = tokenizer.pad(rows)
        batch[f"{name}s"], batch[f"{name}_mask"] = torch.from_numpy(ids), torch.from_numpy(mask)
    if not all(e.sighted for e in examples):
        batch["sighted"] = torch.tensor([e.sighted for e in examples])
    return batch
