"""Generated answers are in order, and do not depend on the batch size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pali3kit.data.task import Example
from pali3kit.evals import answers as module
from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import PaLI
from pali3kit.projector.linear import LinearProjector
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer


def test_batches_do_not_change_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_tokenizer([f"what is this number {i} ?" for i in range(50)], tmp_path / "t.model", 400)
    tokenizer = Tokenizer(tmp_path / "t.model", codes=4, sentinels=2)
    torch.manual_seed(0)
    language = UL2(len(tokenizer), width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)
    model = PaLI(None, LinearProjector(12, 16), language)
    tokens = torch.randn(7, 4, 12)
    examples = [Example((i,), "what is this ?" + " really" * i, "") for i in range(7)]
    seen: list[int] = []
    arguments = (model, tokenizer, examples, tokens.__getitem__, (2, 2), 40, 6, 1, None, seen.append)
    together = module.generate_answers(*arguments)
    monkeypatch.setattr(module, "BATCH", 3)
    assert module.generate_answers(*arguments) == together
    assert len(set(together)) > 1 and seen == [7, 3, 6, 7]
    no = tokenizer.encode("number")
    constrained = module.generate_answers(*arguments[:-2], lambda ids: torch.arange(len(tokenizer))[None] == no[0])
    assert set(constrained) == {tokenizer.decode(no[:1] * 6)}
