"""Optimizers by name: who gets which rule, schedules, and checkpoints."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from pali3kit.config.schema import Optimizer as Options
from pali3kit.training.optimizers import build_optimizer, build_schedule, split_parameters


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.inner = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.inner(self.embedding(ids))))


def test_parameters_are_split_by_role() -> None:
    model = Model()
    split = split_parameters(model)
    assert [p is model.inner.weight for p in split.inner] == [True]
    assert {id(p) for p in split.matrices} == {id(model.embedding.weight), id(model.head.weight)}
    assert len(split.vectors) == 4
    model.inner.weight.requires_grad_(False)
    assert split_parameters(model).inner == []


@pytest.mark.parametrize("name", ["muon", "adamw", "adafactor"])
def test_vectors_do_not_decay(name: str) -> None:
    model = Model()
    optimizer = build_optimizer(model, Options(name=name, learning_rate=0.1, weight_decay=0.5))
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    before = copy.deepcopy(model.state_dict())
    optimizer.step()
    for key, value in model.state_dict().items():
        expected = before[key] * (0.95 if value.ndim == 2 else 1.0)
        torch.testing.assert_close(value, expected)


def test_a_restored_optimizer_continues_alike() -> None:
    torch.manual_seed(0)
    model = Model()
    optimizer = build_optimizer(model, Options(learning_rate=0.1))
    schedule = build_schedule(optimizer, Options(learning_rate=0.1), steps=10)
    ids = torch.arange(5)

    def step(model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        optimizer.zero_grad()
        model(ids).square().sum().backward()
        optimizer.step()

    for _ in range(3):
        step(model, optimizer)
        schedule.step()
    twin = copy.deepcopy(model)
    restored = build_optimizer(twin, Options(learning_rate=0.1))
    follower = build_schedule(restored, Options(learning_rate=0.1), steps=10)
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    follower.load_state_dict(schedule.state_dict())
    for _ in range(3):
        step(model, optimizer), schedule.step()
        step(twin, restored), follower.step()
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cosine", [0.5, 1.0, 1.0, 0.853553, 0.5, 0.146447]),
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("rsqrt", [0.5, 1.0, 0.816497, 0.707107, 0.632456, 0.577350]),
    ],
)
def test_schedules(name: str, expected: list[float]) -> None:
    options = Options(learning_rate=1.0, schedule=name, warmup=2 / 6)
    optimizer = build_optimizer(Model(), options)
    schedule = build_schedule(optimizer, options, steps=6)
    rates = []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == pytest.approx(expected, abs=1e-5)


def test_the_rate_cools_down_to_nothing() -> None:
    options = Options(learning_rate=1.0, schedule="rsqrt", warmup=0.25, cooldown=0.5)
    schedule = build_schedule(build_optimizer(Model(), options), options, steps=8)
    factors = [schedule.lr_lambdas[0](step) for step in range(9)]
    decay = [(2 / (step + 1)) ** 0.5 for step in range(9)]
    expected = [0.5, 1.0, decay[2], decay[3], decay[4], decay[5] * 3 / 4, decay[6] / 2, decay[7] / 4, 0.0]
    assert factors == pytest.approx(expected)


def test_adafactor_keeps_less_than_adamw() -> None:
    """Second moments as rows and columns, momentum in bf16."""
    model = nn.Linear(64, 32, bias=False)
    optimizer = build_optimizer(model, Options(name="adafactor", learning_rate=0.1))
    model(torch.randn(4, 64)).square().sum().backward()
    optimizer.step()
    (state,) = optimizer.state.values()
    numbers = [x.numel() * x.element_size() for x in state.values() if isinstance(x, torch.Tensor)]
    assert sum(numbers) < 64 * 32 * 2 + 1000
