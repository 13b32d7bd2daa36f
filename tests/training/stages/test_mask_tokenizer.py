"""Stage 0c: the mask tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from pali3kit.errors import WeightsError
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.plan.step import Step
from pali3kit.training.components import Artifact
from pali3kit.weights.export import export_mask_tokenizer
from tests.training.stages.conftest import altered


def test_the_artifact_encodes_and_decodes_masks(chain: Any) -> None:
    masks = Artifact(chain("mask_tokenizer")).mask_tokenizer()
    codes = masks.encode(torch.ones(2, 1, 64, 64))
    assert codes.shape == (2, 16) and masks.decode(codes).shape == (2, 1, 64, 64)
    assert not any(p.requires_grad for p in masks.parameters()) and not masks.training


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("mask_tokenizer").seconds > 0


def given(chain: Any, file: Path, **training: int) -> Step:
    """The stage with pretrained weights of the paper's shape."""
    return altered(chain.step("mask_tokenizer"), training, mask_tokenizer={"name": "vqvae", "weights": str(file)})


def test_with_0_examples_the_weights_are_unchanged(chain: Any, tmp_path: Path) -> None:
    theirs, file = MaskVQVAE().eval(), tmp_path / "vae-oid.npz"
    export_mask_tokenizer(theirs, file)
    folder = chain.make(given(chain, file, examples=0))
    file.unlink()  # the artifact no longer needs it
    ours = Artifact(folder).mask_tokenizer()
    assert all(torch.equal(tensor, ours.state_dict()[name]) for name, tensor in theirs.state_dict().items())
    report = json.loads((folder / "load.json").read_text())
    assert report["layout"] == "mask_vae" and report["source"] == str(file) and not report["missing"]
    assert not (folder / "curve.csv").exists() and not (chain("mask_tokenizer") / "load.json").exists()


def test_training_starts_from_the_weights(chain: Any, tmp_path: Path) -> None:
    theirs, file = MaskVQVAE().eval(), tmp_path / "vae-oid.npz"
    export_mask_tokenizer(theirs, file)
    ours = Artifact(chain.make(given(chain, file, examples=32, batch_size=16))).mask_tokenizer()
    moved = (ours.decoder[12].weight - theirs.decoder[12].weight).abs().max()
    assert 0 < moved < 0.1


def test_weights_of_another_shape_are_refused(chain: Any, tmp_path: Path) -> None:
    export_mask_tokenizer(MaskVQVAE(codes=8), tmp_path / "small.npz")
    with pytest.raises(WeightsError, match=r"codebook.codes has shape \[8, 512\], the model expects \[128, 512\]"):
        chain.make(given(chain, tmp_path / "small.npz", examples=0, batch_size=15))
