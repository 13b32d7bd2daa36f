"""Every LightningModule: a finite loss that reaches every trainable parameter."""

from __future__ import annotations

import pytest
import torch

from pali3kit.language.ul2 import UL2
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.classifier import Classifier
from pali3kit.models.pali import PaLI, shift_right
from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.projector.linear import LinearProjector
from pali3kit.training.modules import (
    Batch,
    ClassifierModule,
    DenoisingModule,
    MaskModule,
    PaLIModule,
    SigLIPModule,
    StageModule,
)
from pali3kit.vision.vit import ViT


def vit() -> ViT:
    return ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8)


def ul2() -> UL2:
    return UL2(50, width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24)


def ids(rows: int, length: int) -> torch.Tensor:
    return torch.randint(2, 50, (rows, length))


def mask(rows: int, length: int) -> torch.Tensor:
    return torch.ones(rows, length, dtype=torch.bool)


torch.manual_seed(0)  # some drawn mask tokenizers are dead: the test must not depend on what ran before
CASES: dict[str, tuple[StageModule, Batch]] = {
    "classifier": (
        ClassifierModule(Classifier(vit(), 5)),
        {"images": torch.randn(3, 3, 16, 16), "labels": torch.eye(5)[:3]},
    ),
    "siglip": (
        SigLIPModule(TwoTowers(vit(), TextTower(50, length=6, out=16, width=16, depth=1, heads=2, mlp=32))),
        {"images": torch.randn(3, 3, 16, 16), "ids": ids(3, 6)},
    ),
    "denoising": (
        DenoisingModule(ul2()),
        {"inputs": ids(3, 40), "input_mask": mask(3, 40), "targets": ids(3, 40), "target_mask": mask(3, 40)},
    ),
    "masks": (MaskModule(MaskVQVAE(codes=8, code_width=16, width=4)), {"masks": torch.rand(3, 1, 64, 64)}),
    "pali": (
        PaLIModule(PaLI(None, LinearProjector(12, 16), ul2()), grid=(5, 8)),
        {
            "tokens": torch.randn(3, 40, 12),
            "prompts": ids(3, 7),
            "prompt_mask": mask(3, 7),
            "targets": ids(3, 40),
            "target_mask": mask(3, 40),
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_loss_is_finite_and_reaches_every_parameter(name: str) -> None:
    module, batch = CASES[name]
    if name == "classifier":  # its head starts at zero, where no gradient passes: one step first
        torch.nn.init.normal_(module.model.head.weight)
    numbers = module.losses(batch)
    assert next(iter(numbers)) == "loss" and torch.isfinite(numbers["loss"])
    numbers["loss"].backward()
    # a key's bias moves all scores of a query alike, and softmax does not notice
    silent = [n for n, p in module.named_parameters() if p.grad is None or (p.grad.abs().sum() == 0)]
    assert [n for n in silent if not n.endswith("key.bias")] == []


def test_siglips_retrieval_is_a_share_of_the_batch() -> None:
    module, batch = CASES["siglip"]
    assert 0 <= float(module.losses(batch)["retrieval"]) <= 1


def test_the_z_loss_adds_the_square_of_the_normaliser() -> None:
    module, batch = CASES["denoising"]
    heavy = DenoisingModule(module.model, z_loss=0.5)
    with torch.no_grad():
        memory = module.model.encode(module.model.embed(batch["inputs"]), batch["input_mask"])
        logits = module.model.decode(shift_right(batch["targets"], module.model.start_id), memory, batch["input_mask"])
        added = heavy.losses(batch)["loss"] - module.losses(batch)["loss"]
    assert float(added) == pytest.approx(0.5 * float(logits.logsumexp(-1).square().mean()), rel=1e-4)
