"""Modules and data modules under a plain `lightning.Trainer`.

test_data_modules.py trains them in one process, and runs `trainer_rank.py FOLDER` for two ranks; `FOLDER` has
`pieces.model`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader

import pali3kit as pk
from pali3kit.data.source import Source
from pali3kit.language.contract import LanguageModel
from pali3kit.training.modules import Batch, StageModule
from pali3kit.training.optimizers import ModuleOptions
from pali3kit.vision.contract import VisionEncoder

sys.path.insert(0, str(Path(__file__).parents[1]))

from ranks import run

STEPS, SIZE = 20, 8
OPTIONS: ModuleOptions = {"optimizer": "adamw", "learning_rate": 3e-3, "warmup": 0.25}
Trained = tuple[dict[str, Tensor], list[dict[str, float]]]
"""The weights, and what was logged at each step."""


def encoder() -> VisionEncoder:
    return pk.create_vision("vit", image_size=32, width=16, depth=1, heads=2, mlp=32, patch=8)


def language(tokenizer: pk.Tokenizer) -> LanguageModel:
    sizes = {"encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 8, "mlp": 32}
    return pk.create_language("ul2", vocabulary=len(tokenizer), width=16, **sizes)


def pali(tokenizer: pk.Tokenizer) -> pk.PaLIModel:
    return pk.PaLIModel(encoder(), pk.create_projector("linear", 16, 16), language(tokenizer))


def towers(tokenizer: pk.Tokenizer) -> pk.TwoTowers:
    return pk.TwoTowers(encoder(), pk.TextTower(len(tokenizer), 12, 16, 16, 1, 2, 32), bias=-2.0)


def source() -> Source:
    return pk.create_source("world", image_size=64)


MODULES: dict[str, Callable[[pk.Tokenizer], StageModule]] = {
    "classifier": lambda _: pk.ClassifierModule(pk.Classifier(encoder(), len(source().classes)), **OPTIONS),
    "siglip": lambda tokenizer: pk.SigLIPModule(towers(tokenizer), **OPTIONS),
    "siglip ring": lambda tokenizer: pk.SigLIPModule(towers(tokenizer), over_ranks="ring", **OPTIONS),
    "denoising": lambda tokenizer: pk.DenoisingModule(language(tokenizer), **OPTIONS),
    "masks": lambda _: pk.MaskTokenizerModule(pk.create_mask_tokenizer("vqvae", width=4, blocks=1), **OPTIONS),
    "pali": lambda tokenizer: pk.PaLIModule(pali(tokenizer), **OPTIONS),
}


def data(name: str, tokenizer: pk.Tokenizer) -> L.LightningDataModule | None:
    """The data module of those that have one."""
    if name == "pali":
        tasks = {"caption": 1.0, "vqa": 1.0, "refer": 1.0}
        return pk.MixtureDataModule(source(), tasks, encoder(), tokenizer, SIZE, images=40, target_length=24)
    if name == "classifier":
        return pk.PretrainingDataModule(source(), encoder(), SIZE)
    if name.startswith("siglip"):
        return pk.PretrainingDataModule(source(), encoder(), SIZE, tokenizer=tokenizer, text_length=12)
    return None


def random_batch(step: int, rank: int, ranks: int) -> Batch:
    """A rank's part of a batch for the others: texts of different lengths, and masks of squares."""
    rng = torch.Generator().manual_seed(step)
    ids = torch.randint(5, 60, (SIZE, 12), generator=rng)
    mask = torch.arange(12) < torch.randint(2, 13, (SIZE, 1), generator=rng)
    masks = torch.zeros(SIZE, 1, 64, 64)
    for row in masks:
        top, left, side = torch.randint(8, 32, (3,), generator=rng).tolist()
        row[:, top : top + side, left : left + side] = 1
    batch = {"inputs": ids, "input_mask": ids > 0, "targets": ids * mask, "target_mask": mask, "masks": masks}
    return {name: tensor.chunk(ranks)[rank] for name, tensor in batch.items()}


class Logged(L.Callback):
    """What the module has logged at each step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: L.Trainer, *rest: object) -> None:
        if trainer.global_step > len(self.steps):
            self.steps.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def plain(folder: Path, *callbacks: L.Callback, **options: Any) -> L.Trainer:
    """A user's trainer on the CPU, which prints nothing."""
    silent = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    chosen: dict[str, Any] = {"accelerator": "cpu", "max_steps": STEPS, "enable_checkpointing": False}
    chosen |= {**silent, **options}
    return L.Trainer(callbacks=list(callbacks), default_root_dir=folder, **chosen)


def train(name: str, tokenizer: pk.Tokenizer, folder: Path, **options: Any) -> Trained:
    """Train a module, in as many processes as the trainer has."""
    torch.manual_seed(0)
    module, logged, batches = MODULES[name](tokenizer), Logged(), data(name, tokenizer)
    trainer = plain(folder, logged, use_distributed_sampler=batches is not None, **options)
    if batches is not None:
        trainer.fit(module, datamodule=batches)
    else:
        rank, ranks = trainer.global_rank, trainer.world_size
        loader = [random_batch(step, rank, ranks) for step in range(STEPS)]
        trainer.fit(module, DataLoader(loader, batch_size=None))
    return {key: value.detach().clone() for key, value in module.state_dict().items()}, logged.steps


def main(rank: int, folder: Path) -> None:
    os.environ.update(LOCAL_RANK=str(rank), RANK=str(rank), NODE_RANK="0", WORLD_SIZE="2")
    tokenizer = pk.Tokenizer(folder / "pieces.model")
    found = {name: train(name, tokenizer, folder, devices=2, strategy="ddp") for name in MODULES}
    if rank == 0:
        torch.save(found, folder / "found.pt")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    run(2, folder, partial(main, folder=folder))
