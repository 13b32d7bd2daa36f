"""Batches of token ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pali3kit.data.batch import collate
from pali3kit.data.task import Example
from pali3kit.text.tokenizer import EOS, Tokenizer, train_tokenizer


def test_padding_masks_and_cuts(tmp_path: Path) -> None:
    train_tokenizer([f"a small cat number {i}" for i in range(50)], tmp_path / "t.model", 400)
    tokenizer = Tokenizer(tmp_path / "t.model")
    examples = [Example(4, "a cat <extra_id_0>", "cat"), Example(9, "a small cat " * 9, "a small cat " * 9)]
    batch = collate(examples, tokenizer, prompt_length=12, target_length=8)
    assert batch["image"].tolist() == [4, 9] and "sighted" not in batch
    blind = [replace(examples[0], sighted=False), examples[1]]
    assert collate(blind, tokenizer, 12, 8)["sighted"].tolist() == [False, True]
    assert batch["prompts"].shape == (2, 12) and batch["targets"].shape == (2, 8)
    for name in ("prompt", "target"):
        assert (batch[f"{name}s"][~batch[f"{name}_mask"]] == tokenizer.pad_id).all()
    ends = batch["target_mask"].sum(1) - 1
    assert batch["targets"].gather(1, ends[:, None]).flatten().tolist() == [EOS, EOS]
    assert tokenizer.decode(batch["prompts"][0]) == "a cat <extra_id_0>"
