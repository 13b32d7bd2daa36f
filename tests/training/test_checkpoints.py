"""Damage of checkpoints is found and described."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from pali3kit.training.checkpoints import CHECKPOINT, _damage


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    torch.save({"weights": torch.arange(3000.0), "step": 3}, tmp_path / CHECKPOINT)
    return tmp_path / CHECKPOINT


def test_an_intact_one(checkpoint: Path) -> None:
    assert _damage(checkpoint) is None


@pytest.mark.parametrize(
    ("left", "words"), [(0, "it is empty"), (1, "cannot be read"), (5000, "cannot be read"), (-1, "cannot be read")]
)
def test_a_truncated_one(checkpoint: Path, left: int, words: str) -> None:
    checkpoint.write_bytes(checkpoint.read_bytes()[:left])
    assert words in str(_damage(checkpoint))


def test_a_flipped_byte(checkpoint: Path) -> None:
    data, rng = checkpoint.read_bytes(), random.Random(0)
    position = data.index(torch.arange(100.0, 110.0).numpy().tobytes())
    for offset in (0, 17, 39):
        spoilt = bytearray(data)
        spoilt[position + offset] ^= 1 << rng.randrange(8)
        checkpoint.write_bytes(spoilt)
        assert "checksum" in str(_damage(checkpoint))


def test_a_missing_one_and_a_folder(tmp_path: Path) -> None:
    assert "cannot be read" in str(_damage(tmp_path / "absent")) and _damage(tmp_path)
