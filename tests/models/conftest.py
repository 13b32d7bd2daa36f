"""Fixtures of two-tower models: a small tokenizer, and an image."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import transformers
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

TEXTS = ["a photo of a cat.", "Two DOGS, one ball!", "nothing at all", "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNO"]


@pytest.fixture
def tokenizer() -> Callable[[Path], Path]:
    """Write a tokenizer of letters that is case-sensitive and by default pads on the left."""

    def written(folder: Path) -> Path:
        trained = Tokenizer(models.BPE(unk_token="<unk>"))
        trained.pre_tokenizer = pre_tokenizers.Whitespace()
        special = ["<pad>", "<eos>", "<unk>"]
        trained.train_from_iterator(TEXTS, trainers.BpeTrainer(special_tokens=special, vocab_size=90))
        trained.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=trained, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
        ).save_pretrained(folder)
        return folder

    return written


@pytest.fixture
def image() -> Image.Image:
    """An image whose sides no patch size divides."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (77, 131, 3), np.uint8))
