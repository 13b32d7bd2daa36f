"""Modules and data modules under a user's own Trainer: schedule, ranks, accumulation, epochs, checkpoints, batches."""

from __future__ import annotations

import logging
import math
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor

import pali3kit as pk
from pali3kit.data.world.source import WorldSource
from pali3kit.errors import DataError, RegistryError, StageError
from pali3kit.text.tokenizer import train_tokenizer

sys.path.insert(0, str(Path(__file__).parent))

from trainer_rank import MODULES, SIZE, STEPS, Logged, Trained, data, encoder, pali, plain, source, train

WARMUP = 5  # a quarter of the steps
RATES = [3e-3 * (step + 1) / WARMUP for step in range(WARMUP)] + [
    1.5e-3 * (1 + math.cos(math.pi * step / (STEPS - WARMUP))) for step in range(STEPS - WARMUP)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trainer")
    train_tokenizer(source().sentences(0, 32, 300), folder / "pieces.model", 800)
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> pk.Tokenizer:
    return pk.Tokenizer(folder / "pieces.model")


@pytest.fixture(scope="module")
def alone(folder: Path, tokenizer: pk.Tokenizer) -> dict[str, Trained]:
    return {name: train(name, tokenizer, folder) for name in MODULES}


@pytest.fixture(scope="module")
def together(folder: Path) -> dict[str, Trained]:
    """What two ranks trained."""
    script = Path(__file__).with_name("trainer_rank.py")
    subprocess.run([sys.executable, str(script), str(folder)], check=True, timeout=300)
    found: dict[str, Trained] = torch.load(folder / "found.pt", weights_only=True)
    return found


def assert_equal(one: Trained, other: Trained) -> None:
    """Weights, which 20 steps have moved by 3e-2, to 2e-5; losses and learning rates to 1e-4 of themselves.

    A key's bias moves all scores of a query alike: its gradient is 0 but for rounding, which AdamW scales up.
    """
    assert one[0].keys() == other[0].keys() and len(one[1]) == len(other[1]) == STEPS
    apart = {name: float((weight - other[0][name]).abs().max()) for name, weight in one[0].items()}
    assert {name: most for name, most in apart.items() if most > 2e-5 and not name.endswith("key.bias")} == {}
    for mine, others in zip(one[1], other[1], strict=True):
        for name in mine.keys() - {"train/retrieval"}:  # which ranks measure within their own part
            assert mine[name] == pytest.approx(others[name], rel=1e-4, abs=1e-5), name


def losses(trained: Trained) -> list[float]:
    return [step["train/loss"] for step in trained[1]]


@pytest.mark.parametrize("name", MODULES)
def test_the_learning_rate_is_as_asked_and_the_loss_falls(name: str, alone: dict[str, Trained]) -> None:
    assert [step["learning_rate"] for step in alone[name][1]] == pytest.approx(RATES, rel=1e-6)
    found = losses(alone[name])
    assert sum(found[-4:]) < 0.97 * sum(found[:4])


@pytest.mark.parametrize("name", MODULES)
def test_two_ranks_train_what_one_process_does(
    name: str, alone: dict[str, Trained], together: dict[str, Trained]
) -> None:
    """Gradients are averaged, texts gathered, target tokens counted and codes moved over both."""
    assert_equal(alone[name], together[name])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("classifier", {"accumulate_grad_batches": 4}),
        ("pali", {"accumulate_grad_batches": 4}),
        ("pali", {"max_epochs": 2, "limit_train_batches": 10}),
    ],
)
def test_accumulated_batches_and_epochs_train_the_same(
    name: str, options: dict[str, int], alone: dict[str, Trained], folder: Path, tokenizer: pk.Tokenizer
) -> None:
    assert_equal(alone[name], train(name, tokenizer, folder, **options))


@pytest.mark.parametrize("name", ["siglip", "pali"])
def test_in_mixed_precision_the_loss_falls_alike(
    name: str, alone: dict[str, Trained], folder: Path, tokenizer: pk.Tokenizer
) -> None:
    found = losses(train(name, tokenizer, folder, precision="bf16-mixed"))
    assert found == pytest.approx(losses(alone[name]), rel=0.02)
    assert found != losses(alone[name])


@pytest.mark.parametrize(("name", "optimizer"), [("siglip", "adamw"), ("pali", "muon")])
def test_checkpoints_of_the_trainer_load_back(
    name: str, optimizer: str, tokenizer: pk.Tokenizer, tmp_path: Path
) -> None:
    """Training continues with the batches, the rates and the state that it would have had, and nothing is unpickled."""

    def made() -> Any:
        torch.manual_seed(0)
        model = MODULES[name](tokenizer).model
        return type(MODULES[name](tokenizer))(model, optimizer=optimizer, learning_rate=2e-3)

    batches, kept = data(name, tokenizer), ModelCheckpoint(tmp_path, every_n_train_steps=4, save_top_k=-1)
    whole, again, all_steps, later_steps = made(), made(), Logged(), Logged()
    plain(tmp_path, kept, all_steps, max_steps=8, enable_checkpointing=True).fit(whole, datamodule=batches)
    file = tmp_path / "epoch=0-step=4.ckpt"
    plain(tmp_path, later_steps, max_steps=8).fit(again, datamodule=batches, ckpt_path=file, weights_only=True)
    assert later_steps.steps[-1] == all_steps.steps[-1]
    assert all(torch.equal(weight, again.state_dict()[name]) for name, weight in whole.state_dict().items())
    loaded = type(whole).load_from_checkpoint(tmp_path / "epoch=0-step=8.ckpt", model=made().model, weights_only=True)
    assert loaded.options == whole.options and loaded.options.name == optimizer
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in whole.state_dict().items())


def test_epochs_without_an_end_are_refused(tokenizer: pk.Tokenizer, tmp_path: Path) -> None:
    """Lightning estimates -1 steps for them, and the learning rate would be 0."""
    with pytest.raises(StageError, match="a schedule needs an end: give the Trainer max_steps"):
        plain(tmp_path, max_steps=-1, max_epochs=3).fit(MODULES["pali"](tokenizer), datamodule=data("pali", tokenizer))


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        (
            {"learning_rates": 1e-3},
            TypeError,
            "a module takes no option 'learning_rates'. Did you mean 'learning_rate'?",
        ),
        ({"optimizer": "adam"}, RegistryError, "unknown optimizer 'adam'. Did you mean 'adamw'?"),
        ({"schedule": "cosin"}, StageError, "unknown schedule 'cosin'. Did you mean 'cosine'?"),
        ({"warmup": 100}, StageError, "warmup should be between 0 and 1, not 100."),
        ({"loss": "softmix"}, StageError, "loss cannot be 'softmix'. Did you mean 'softmax'?"),
        ({"freeze": ["vison.*"]}, StageError, "freeze: no parameter is called 'vison.*'."),
    ],
)
def test_wrong_options_are_refused_with_the_nearest(options: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error) as refused:
        pk.ClassifierModule(pk.Classifier(encoder(), 3), **options)
    assert str(refused.value).startswith(told)


def test_cached_tokens_need_their_grid(tokenizer: pk.Tokenizer) -> None:
    module, [batch] = pk.PaLIModule(pali(tokenizer)), first(data("pali", tokenizer), 1)
    tokens, grid = module.model.encode_images(module.model.vision.image_spec.normalise_batch(batch.pop("images")))
    with pytest.raises(StageError, match="give PaLIModule their grid"):
        module.losses({**batch, "tokens": tokens})
    assert pk.PaLIModule(module.model, grid).losses({**batch, "tokens": tokens})["loss"] > 0


def first(batches: L.LightningDataModule | None, count: int) -> list[dict[str, Tensor]]:
    assert batches is not None
    return list(islice(batches.train_dataloader(), count))


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())


@pytest.mark.parametrize("name", ["classifier", "siglip", "pali"])
def test_batches_depend_on_their_step_alone(name: str, tokenizer: pk.Tokenizer) -> None:
    """Worker processes make the same, and ranks and accumulated batches share one."""
    here, workers = data(name, tokenizer), data(name, tokenizer)
    workers.num_workers = 2
    batches = first(here, 3)
    assert all(map(same, batches, first(workers, 3)))
    assert not torch.equal(batches[0]["images"], batches[1]["images"])
    parts = [batch for rank in range(2) for batch in here.batches(rank, 2, 2)(1)]
    assert len(parts) == 4 and all(len(batch["images"]) == SIZE // 4 for batch in parts)
    images = torch.cat([batch["images"] for batch in parts])
    assert sorted(map(hash_of, images)) == sorted(map(hash_of, batches[1]["images"]))


def hash_of(image: Tensor) -> bytes:
    return bytes(image.contiguous().numpy().tobytes())


class Damaged(WorldSource):
    """Some of its images cannot be read; with `share` 1 none can."""

    share = 0.3

    def image(self, split: str, index: int) -> np.ndarray:
        if np.random.default_rng(index).random() < self.share:
            raise DataError(f"{split} image {index} is damaged")
        return super().image(split, index)


def test_unusable_samples_are_replaced_and_told(tokenizer: pk.Tokenizer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pali3kit"):
        [batch] = first(pk.PretrainingDataModule(Damaged(image_size=64), encoder(), SIZE, num_workers=1), 1)
    assert "skipped" not in batch and len(batch["images"]) == SIZE
    assert caplog.messages and all("is damaged" in line for line in caplog.messages)
    source = Damaged(image_size=64)
    source.share = 1.0
    for workers in (0, 1):
        with pytest.raises(DataError, match="100 samples in a row cannot be used"):
            first(pk.PretrainingDataModule(source, encoder(), SIZE, num_workers=workers), 1)


def test_damages_of_whole_files_are_told(tokenizer: pk.Tokenizer, caplog: pytest.LogCaptureFixture) -> None:
    class Cut(WorldSource):
        damages = ("0.tar: damaged after 3 files",)

    cut = Cut(image_size=64)
    for module in (
        pk.PretrainingDataModule(cut, encoder(), SIZE),
        pk.MixtureDataModule(cut, {"caption": 1.0}, encoder(), tokenizer, SIZE, images=40),
    ):
        caplog.clear()
        with caplog.at_level(logging.WARNING, "pali3kit"):
            first(module, 1)
        assert caplog.messages == ["damaged: 0.tar: damaged after 3 files"]


def test_a_batch_that_cannot_be_divided_is_refused(tokenizer: pk.Tokenizer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="batch_size 8 is that of a step: it cannot be divided by 1 ranks x 3"):
        train("pali", tokenizer, tmp_path, accumulate_grad_batches=3)


def test_unknown_tasks_are_refused(tokenizer: pk.Tokenizer) -> None:
    with pytest.raises(RegistryError, match="captain"):
        pk.MixtureDataModule(source(), {"captain": 1.0}, encoder(), tokenizer, SIZE, images=40)
