"""Optimizers by name: parameter groups, schedules, and checkpoints."""

from __future__ import annotations

import copy
from dataclasses import fields
from typing import Any, cast

import pytest
import torch
from timm.optim.adafactor_bv import AdafactorBigVision
from torch import nn
from torch.optim import AdamW

from pali3kit.config.component import Optimizer as Options
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import RegistryError
from pali3kit.registry import OPTIMIZER
from pali3kit.training.muon import Muon
from pali3kit.training.optimizers import (
    Parameters,
    _Chained,
    _split_parameters,
    build_optimizer,
    build_schedule,
    module_options,
    optimizer_of,
)


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.inner = nn.Linear(4, 4)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.inner(self.embedding(ids))))


def test_a_modules_arguments_say_all_of_an_experiments_optimizer() -> None:
    """But the norm to which the trainer clips gradients."""
    asked = Options(
        name="adamw", learning_rate=2.0, weight_decay=3.0, beta2=0.4, schedule="rsqrt", warmup=0.5, cooldown=0.6,
        options={"eps": 1.0},
    )  # fmt: skip
    assert optimizer_of(module_options(asked, ["*.bias"])) == asked
    assert optimizer_of({}) == Options()


def test_parameters_are_split_by_role() -> None:
    model = Model()
    split = _split_parameters(model)
    assert [p is model.inner.weight for p in split.inner] == [True]
    assert {id(p) for p in split.matrices} == {id(model.embedding.weight), id(model.head.weight)}
    assert len(split.vectors) == 4
    model.inner.weight.requires_grad_(False)
    assert _split_parameters(model).inner == []


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


def test_the_rate_cools_down_to_0() -> None:
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


@pytest.fixture
def model() -> Model:
    return Model()


def told(group: dict[str, Any], *keys: str) -> tuple[Any, ...]:
    return tuple(group[key] for key in keys)


def names(model: nn.Module, group: dict[str, Any]) -> set[str]:
    """The parameters of a group by their names."""
    known = {id(parameter): name for name, parameter in model.named_parameters()}
    return {known[id(parameter)] for parameter in group["params"]}


MATRICES = {"embedding.weight", "inner.weight", "head.weight"}
VECTORS = {"inner.bias", "norm.weight", "norm.bias", "head.bias"}
RATES: dict[str, Any] = {"learning_rate": 0.25, "weight_decay": 0.5, "beta2": 0.875}


def test_adamw_decays_matrices_only(model: Model) -> None:
    optimizer = build_optimizer(model, Options(name="adamw", **RATES))
    matrices, vectors = optimizer.param_groups
    assert type(optimizer) is AdamW
    assert (names(model, matrices), names(model, vectors)) == (MATRICES, VECTORS)
    assert told(matrices, "lr", "betas", "weight_decay") == (0.25, (0.9, 0.875), 0.5)
    assert told(vectors, "lr", "betas", "weight_decay") == (0.25, (0.9, 0.875), 0.0)


def test_muon_takes_inner_matrices_and_adamw_the_rest(model: Model) -> None:
    optimizer = build_optimizer(model, Options(name="muon", **RATES))
    assert isinstance(optimizer, _Chained) and [type(one) for one in optimizer.optimizers] == [Muon, AdamW]
    inner, matrices, vectors = optimizer.param_groups
    assert names(model, inner) == {"inner.weight"}, "embeddings and last layers are no inner matrices"
    assert (names(model, matrices), names(model, vectors)) == (MATRICES - {"inner.weight"}, VECTORS)
    assert told(inner, "lr", "weight_decay") == (0.25, 0.5)
    assert told(matrices, "lr", "betas", "weight_decay") == (0.25, (0.9, 0.875), 0.5)
    assert vectors["weight_decay"] == 0.0


def test_muon_of_a_model_without_inner_matrices_is_adamw() -> None:
    optimizer = build_optimizer(nn.Embedding(5, 4), Options(name="muon", **RATES))
    [matrices] = optimizer.param_groups
    assert type(optimizer) is AdamW and told(matrices, "lr", "weight_decay") == (0.25, 0.5)


def test_adafactor_is_big_visions_and_has_no_second_beta(model: Model) -> None:
    optimizer = build_optimizer(model, Options(name="adafactor", **RATES))
    matrices, vectors = optimizer.param_groups
    assert type(optimizer) is AdafactorBigVision
    assert (names(model, matrices), names(model, vectors)) == (MATRICES, VECTORS)
    assert (told(matrices, "lr", "weight_decay"), told(vectors, "lr", "weight_decay")) == ((0.25, 0.5), (0.25, 0.0))


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon"])
def test_frozen_parameters_are_left_out(model: Model, name: str) -> None:
    model.inner.requires_grad_(False)
    model.norm.requires_grad_(False)
    found = [names(model, group) for group in build_optimizer(model, Options(name=name)).param_groups]
    assert found == [{"embedding.weight", "head.weight"}, {"head.bias"}]


@pytest.mark.parametrize(("inner", "groups"), [(True, [(3, 0.1), (4, 0.0)]), (False, [(2, 0.1), (4, 0.0)])])
def test_groups_with_and_without_inner_matrices(model: Model, inner: bool, groups: list[tuple[int, float]]) -> None:
    found = _split_parameters(model).groups(0.1, inner=inner)
    assert [(len(cast("list[Any]", group["params"])), group["weight_decay"]) for group in found] == groups


def test_an_empty_group_is_left_out() -> None:
    [matrices] = _split_parameters(nn.Linear(3, 3, bias=False)).groups(0.1)
    assert matrices["weight_decay"] == 0.1


def test_an_unknown_optimizer_is_refused_with_the_nearest(model: Model) -> None:
    with pytest.raises(RegistryError, match=r"^unknown optimizer 'adamx'\. Did you mean 'adamw'\?$"):
        build_optimizer(model, Options(name="adamx"))


def test_an_unknown_option_is_refused(model: Model) -> None:
    with pytest.raises(RegistryError, match="optimizer 'adamw' takes no option 'momentum'"):
        build_optimizer(model, Options(name="adamw", options={"momentum": 0.9}))


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon"])
def test_ours_have_only_the_common_options(name: str) -> None:
    options = OPTIMIZER.describe(name).options
    assert options is not None and fields(options) == ()


def test_a_plug_in_gets_the_rates_that_it_accepts_and_its_own_options(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def plain(parameters: Parameters, learning_rate: float, momentum: float = 0.5) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters.groups(0.0), lr=learning_rate, momentum=momentum)

    OPTIMIZER.names()
    monkeypatch.setitem(OPTIMIZER._entries, "plain", RegistryEntry("plain", plain))
    for options, momentum in (({}, 0.5), ({"momentum": 0.9}, 0.9)):
        [first, _] = build_optimizer(model, Options(name="plain", options=options, **RATES)).param_groups
        assert told(first, "lr", "momentum") == (0.25, momentum)


def test_chained_optimizers_step_and_zero_gradients_together(model: Model) -> None:
    optimizer = build_optimizer(model, Options(name="muon", learning_rate=0.1))
    before = copy.deepcopy(model.state_dict())

    def closure() -> float:
        loss = model(torch.arange(5)).square().sum()
        loss.backward()
        return float(loss)

    assert optimizer.step(closure) > 0  # type: ignore[operator]
    assert not any(torch.equal(before[name], p) for name, p in model.state_dict().items() if name.endswith("weight"))
    optimizer.zero_grad()
    assert all(p.grad is None for p in model.parameters())
