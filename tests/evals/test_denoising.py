"""The loss on held-out text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pali3kit.evals.denoising import BATCH, LOGITS, _batch, _denoisers_by_mode, held_out_loss, window_nats
from pali3kit.language.ul2 import UL2
from pali3kit.text.denoise import MixtureOfDenoisers, ul2
from pali3kit.text.tokenizer import Tokenizer, train_tokenizer
from pali3kit.training.modules import DenoisingModule

COUNT = BATCH + 3


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    path: Path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.model"
    train_tokenizer(["a red fox", "two foxes"], path, 400)
    return Tokenizer(path)


@pytest.fixture(scope="module")
def language(tokenizer: Tokenizer) -> UL2:
    torch.manual_seed(0)
    return UL2(len(tokenizer), width=16, encoder_depth=1, decoder_depth=1, heads=2, head_width=8, mlp=24, dropout=0.5)


WINDOWS = np.random.default_rng(0).integers(3, 300, size=(COUNT, 32))


def test_the_modes_are_the_seven_denoisers() -> None:
    for prefix in ("appendix", "table"):
        assert [one for each in _denoisers_by_mode(prefix).values() for one in each] == list(ul2(prefix))


def test_a_window_has_the_weight_of_its_tokens_in_training(tokenizer: Tokenizer, language: UL2) -> None:
    """The sum over windows is the training loss times its tokens, without dropout."""
    arrays = MixtureOfDenoisers(tokenizer, ul2())(WINDOWS, np.random.default_rng(0))
    batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    language.eval()
    with torch.no_grad():
        loss = DenoisingModule(language).eval().losses(batch)["loss"]
    assert window_nats(language, batch).sum() / arrays["target_mask"].sum() == pytest.approx(float(loss), rel=1e-5)
    first = {name: tensor[:2] for name, tensor in batch.items()}
    assert window_nats(language, first) == pytest.approx(window_nats(language, batch)[:2], rel=1e-5)


def test_value_modes_and_samples(tokenizer: Tokenizer, language: UL2) -> None:
    said: list[int] = []
    loss = held_out_loss(language.train(), tokenizer, WINDOWS, "appendix", said.append)
    assert list(loss.extra) == ["R", "S", "X"] and len(loss.samples) == COUNT
    assert loss.value == pytest.approx(sum(loss.extra.values()) / 3)
    assert loss.value == pytest.approx(np.log(len(tokenizer)), rel=0.2), "a model that knows nothing"
    assert np.mean(loss.samples) == pytest.approx(loss.value, rel=0.05)
    assert said == [BATCH, COUNT, COUNT + BATCH, 2 * COUNT, 2 * COUNT + BATCH, 3 * COUNT]
    assert held_out_loss(language, tokenizer, WINDOWS, "appendix", said.append) == loss
    other = held_out_loss(language, tokenizer, WINDOWS, "table", said.append)
    assert (other.extra["R"], other.extra["X"]) == (loss.extra["R"], loss.extra["X"])
    assert other.extra["S"] != loss.extra["S"]


def test_a_model_that_has_learned_is_measured_so(tokenizer: Tokenizer, language: UL2) -> None:
    before = held_out_loss(language, tokenizer, WINDOWS, "appendix", lambda done: None)
    module = DenoisingModule(language)
    optimizer = torch.optim.AdamW(language.parameters(), 1e-2)
    corrupt = MixtureOfDenoisers(tokenizer, ul2())
    for step in range(10):
        arrays = corrupt(WINDOWS, np.random.default_rng(step))
        optimizer.zero_grad()
        module.losses({name: torch.from_numpy(array) for name, array in arrays.items()})["loss"].backward()
        optimizer.step()
    after = held_out_loss(language, tokenizer, WINDOWS, "appendix", lambda done: None)
    assert all(after.extra[mode] < before.extra[mode] for mode in before.extra)


def test_a_batch_has_few_logits() -> None:
    assert _batch(48, 2000) == BATCH and _batch(512, 250_112) == 16 and _batch(1 << 20, 250_112) == 1
    assert 16 * 512 * 250_112 <= LOGITS < 17 * 512 * 250_112
