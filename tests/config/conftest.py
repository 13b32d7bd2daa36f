from __future__ import annotations

from pathlib import Path

import pytest

EXPERIMENT = """\
name: trial
paper: table1
scale: tiny
seeds: [0]
grid:
  pretrain: [classif, siglip]
baseline: {pretrain: classif}
evaluate: [probe, refcoco]
"""
SCALE = """\
model:
  image_size: 64
  vision: {name: vit, width: 32, depth: 1, heads: 2, mlp: 64, patch: 8}
  projector: {name: linear, positions: sine2d}
  language: {name: ul2, width: 32, encoder_depth: 1, decoder_depth: 1, heads: 2, head_width: 16, mlp: 64}
  mask_tokenizer: vqvae
tokenizer: {vocabulary: 2000, bins: 32}
data:
  source: world
  train: 8
  test: 8
stages:
  vision:
    examples: 8
    batch_size: 4
    text: {name: siglip_text, width: 32, depth: 1, heads: 2, mlp: 64}
  language: {examples: 8, batch_size: 4}
  mask_tokenizer: {examples: 8, batch_size: 4}
  multimodal: {examples: 8, batch_size: 4, mixture: {splitcap: 1, ocr: 0.5}}
  transfer: {examples: 8, batch_size: 4}
"""


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, made current, with `x.yaml` and `scales/tiny.yaml`."""
    (tmp_path / "scales").mkdir()
    (tmp_path / "x.yaml").write_text(EXPERIMENT)
    (tmp_path / "scales" / "tiny.yaml").write_text(SCALE)
    monkeypatch.chdir(tmp_path)
    return tmp_path
