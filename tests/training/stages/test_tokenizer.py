"""The tokenizer stage."""

from __future__ import annotations

from typing import Any

from pali3kit.training.parts import read_tokenizer


def test_it_reads_every_language_and_knows_the_special_tokens(chain: Any) -> None:
    tokenizer = read_tokenizer(chain("tokenizer"))
    for text in ("a cat and a dog", "кошка и собака", "猫と犬", "แมวและสุนัข"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.codes == 128
    assert len(tokenizer.encode("0 7 31 12")) == 4


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("tokenizer").seconds > 0
