"""Stage 1: starts from the pretrained language model and trains all of PaLI but the encoder."""

from __future__ import annotations

from typing import Any

import torch

from pali3kit.training.parts import read_language, read_pali, read_tokenizer


def test_it_moves_away_from_the_pretrained_language_model(chain: Any) -> None:
    tokenizer = read_tokenizer(chain("tokenizer"))
    before = read_language(chain("language"), tokenizer).state_dict()
    after = read_pali(chain("multimodal"), tokenizer).language.state_dict()
    assert before.keys() == after.keys()
    moved = {name: (after[name] - before[name]).norm() / before[name].norm() for name in before}
    assert 0 < moved["encoder.0.attention.query.weight"] < 1
    assert not torch.equal(before["embedding.weight"], after["embedding.weight"])


def test_calibration(chain: Any) -> None:
    cost = chain.calibrate("multimodal")
    assert cost.seconds > 0 and cost.tokens > 16
