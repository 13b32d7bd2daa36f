"""Every LightningModule: a finite loss that reaches every trainable parameter."""

from __future__ import annotations

import math
from pathlib import Path

import lightning as L
import pytest
import torch
from torch.utils.data import DataLoader

from pali3kit.config.component import Optimizer, Schedule
from pali3kit.errors import StageError
from pali3kit.language.ul2 import UL2
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.models.classifier import Classifier
from pali3kit.models.pali import PaLIModel, shift_right
from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.projector.linear import LinearProjector
from pali3kit.training.modules import (
    Batch,
    ClassifierModule,
    DenoisingModule,
    MaskTokenizerModule,
    PaLIModule,
    SigLIPModule,
    StageModule,
)
from pali3kit.training.optimizers import build_optimizer, build_schedule
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
    "masks": (MaskTokenizerModule(MaskVQVAE(codes=8, code_width=16, width=4)), {"masks": torch.rand(3, 1, 64, 64)}),
    "pali": (
        PaLIModule(PaLIModel(None, LinearProjector(12, 16), ul2()), grid=(5, 8)),
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


def with_images(name: str) -> tuple[StageModule, Batch]:
    """A module and a batch of uint8 images; with "pali" some of them are absent."""
    generator = torch.Generator().manual_seed(0)
    if name != "pali":
        module, batch = CASES[name]
        return module, {**batch, "images": torch.randint(256, (3, 3, 16, 16), dtype=torch.uint8, generator=generator)}
    module = PaLIModule(PaLIModel(vit(), LinearProjector(16, 16), ul2()), grid=(2, 2))
    images = torch.randint(256, (3, 2, 3, 16, 16), dtype=torch.uint8, generator=generator)
    texts = {key: value for key, value in CASES["pali"][1].items() if key != "tokens"}
    return module, {**texts, "images": images, "image_mask": torch.tensor([[1, 1], [1, 0], [0, 0]]).bool()}


@pytest.mark.parametrize("name", ["classifier", "siglip", "pali"])
def test_uint8_images_give_the_bytes_of_normalised_ones(name: str) -> None:
    """Absent ones are 0, as ever, and the floats of a user's batch are taken as they are."""
    module, batch = with_images(name)
    floats = module.model.vision.image_spec.normalise_batch(batch["images"])
    if "image_mask" in batch:
        floats[~batch["image_mask"]] = 0.0
    seen = list[list[torch.Tensor]]()
    for images in (batch["images"], floats):
        module.zero_grad()
        given: list[torch.Tensor] = []
        handle = module.model.vision.embed.register_forward_pre_hook(
            lambda layer, args, given=given: given.append(args[0])
        )
        loss = module.losses({**batch, "images": images})["loss"]
        loss.backward()
        handle.remove()
        seen.append([*given, loss, *(p.grad for p in module.parameters() if p.grad is not None)])
    assert len(seen[0]) == len(seen[1]) > 5
    assert all(torch.equal(one, other) for one, other in zip(*seen, strict=True))


class Rates(L.Callback):
    """The learning rate of every step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(self, trainer: L.Trainer, *rest: object) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def test_a_trainer_of_somebodys_has_a_schedule_of_its_own_steps(tmp_path: Path) -> None:
    module, batch = SigLIPModule(CASES["siglip"][0].model), CASES["siglip"][1]
    loader, rates = DataLoader([batch] * 4, batch_size=None), Rates()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    quiet |= {"enable_model_summary": False, "accelerator": "cpu", "default_root_dir": tmp_path}
    L.Trainer(max_epochs=3, callbacks=[rates], **quiet).fit(module, loader)
    cosine = [0.5 * (1 + math.cos(math.pi * (step - 1) / 11)) for step in range(1, 12)]
    assert rates.seen == pytest.approx([1e-3 * factor for factor in (1.0, *cosine)])
    with pytest.raises(StageError, match="a schedule needs an end: give the Trainer max_steps"):
        L.Trainer(max_epochs=-1, **quiet).fit(module, loader)


@pytest.mark.parametrize("name", CASES)
def test_validation_logs_what_training_does_as_means_over_examples(name: str, tmp_path: Path) -> None:
    module, batch = CASES[name]
    half = {key: value[:1] for key, value in batch.items()}
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = L.Trainer(default_root_dir=tmp_path, enable_model_summary=False, **quiet)
    module.train()
    [found] = trainer.validate(module, DataLoader([batch, half], batch_size=None), verbose=False)
    module.eval()
    with torch.no_grad():
        whole, rest = module.losses(batch), module.losses(half)
    rows = len(next(iter(batch.values())))
    wanted = {f"validation/{key}": float(rows * whole[key] + rest[key]) / (rows + 1) for key in whole}
    assert found == pytest.approx(wanted, rel=1e-4) and len(found) > 1


@pytest.mark.parametrize("schedule", ["cosine", "constant", "rsqrt"])
@pytest.mark.parametrize("cooldown", [0.0, 0.5])
def test_whoever_trains_longer_than_was_said_never_climbs_the_loss(schedule: Schedule, cooldown: float) -> None:
    options = Optimizer(schedule=schedule, cooldown=cooldown)
    optimizer = build_optimizer(CASES["classifier"][0].model, options)
    for steps in (1, 4):
        factor = build_schedule(optimizer, options, steps).lr_lambdas[0]
        later = [factor(step) for step in range(steps, 40)]
        assert min(later) >= 0 and len(set(later)) == 1
