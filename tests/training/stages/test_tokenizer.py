"""The tokenizer stage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.plan.kinds.tokenizer import Config
from pali3kit.training.components import Artifact
from pali3kit.training.context import ComponentSpecs, StageContext
from pali3kit.training.stages import tokenizer as stage


def test_it_reads_every_language_and_knows_the_special_tokens(chain: Any) -> None:
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    for text in ("a cat and a dog", "кошка и собака", "猫と犬", "แมวและสุนัข"):
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.codes == 128
    assert len(tokenizer.encode("0 7 31 12")) == 4


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("tokenizer").seconds > 0


@pytest.mark.parametrize(("name", "rows"), [("t5", None), ("mt5", 4000), ("gemma", None)])
def test_an_existing_file_is_copied(
    published: Callable[[str], Path], tmp_path: Path, name: str, rows: int | None
) -> None:
    config = Config(file=str(published(name)), rows=rows, codes=64, data="0" * 64)
    stage.run(config, StageContext(tmp_path, {}, 0, lambda done, total, **numbers: None, threads=1))
    tokenizer = Artifact(tmp_path).tokenizer()  # from the artifact's folder alone
    assert (tmp_path / "tokenizer.model").read_bytes() == published(name).read_bytes()
    assert tokenizer.codes == 64 and tokenizer.mask_token(63) == len(tokenizer) - 1
    assert tokenizer.vocabulary.rows == (rows or tokenizer.vocabulary.rows)
    sizes = ComponentSpecs(file=config.file, rows=rows, codes=64)
    assert sizes.vocabulary_size == len(tokenizer)
    assert stage.calibrate(config, sizes).seconds == 0
