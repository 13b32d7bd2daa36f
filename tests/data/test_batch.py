"""Batches of token ids."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from pali3kit.data.batch import ABSENT, collate, place_images
from pali3kit.data.task import Example
from pali3kit.text.tokenizer import EOS, Tokenizer, train_tokenizer


def test_padding_masks_and_cuts(tmp_path: Path) -> None:
    train_tokenizer([f"a small cat number {i}" for i in range(50)], tmp_path / "t.model", 400)
    tokenizer = Tokenizer(tmp_path / "t.model")
    examples = [Example((4,), "a cat <extra_id_0>", "cat"), Example((9,), "a small cat " * 9, "a small cat " * 9)]
    batch = collate(examples, tokenizer, prompt_length=12, target_length=8)
    assert batch["image_numbers"].tolist() == [[4], [9]] and "image_mask" not in batch
    without = collate([replace(examples[0], images=()), examples[1]], tokenizer, 12, 8)
    assert without["image_numbers"].tolist() == [[ABSENT], [9]] and without["image_mask"].tolist() == [[False], [True]]
    frames = collate([replace(examples[0], images=(7, 3, 5)), examples[1]], tokenizer, 12, 8)
    assert frames["image_numbers"].tolist() == [[7, 3, 5], [9, ABSENT, ABSENT]]
    assert frames["image_mask"].tolist() == [[True] * 3, [True, False, False]]
    assert batch["prompts"].shape == (2, 12) and batch["targets"].shape == (2, 8)
    for name in ("prompt", "target"):
        assert (batch[f"{name}s"][~batch[f"{name}_mask"]] == tokenizer.pad_id).all()
    ends = batch["target_mask"].sum(1) - 1
    assert batch["targets"].gather(1, ends[:, None]).flatten().tolist() == [EOS, EOS]
    assert tokenizer.decode(batch["prompts"][0]) == "a cat <extra_id_0>"


def test_images_are_placed_where_they_are_and_zeros_elsewhere() -> None:
    there = torch.tensor([[True, False], [True, True]])
    found = torch.arange(1.0, 7.0).view(3, 2)
    assert place_images(found, there).tolist() == [[[1, 2], [0, 0]], [[3, 4], [5, 6]]]
    assert place_images(found[:2], torch.ones(2, 1, dtype=torch.bool)).tolist() == [[[1, 2]], [[3, 4]]]
