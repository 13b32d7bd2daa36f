"""Finding the model in the checkpoints of training programs."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from pali3kit.errors import WeightsError
from pali3kit.weights.read import read_tensors

T = {"a.weight": torch.arange(3.0), "b": torch.ones(1)}
OPTIMIZER = {"state": {0: {"exp_avg": torch.zeros(3), "step": torch.tensor(1.0)}}, "param_groups": [{"params": [0]}]}
CHECKPOINTS = {
    "plain": T,
    "state_dict": {"state_dict": T, "epoch": 3},
    "MAE": {"model": T, "optimizer": OPTIMIZER, "epoch": 1, "scaler": {"scale": 2.0}, "args": argparse.Namespace(x=1)},
    "timm": {"arch": "vit", "state_dict": T, "args": argparse.Namespace(lr=0.1, folder=["x"]), "metric": 1.5},
    "model_state_dict": {"model_state_dict": T, "optimizer_state_dict": OPTIMIZER, "loss": torch.tensor(0.1)},
    "DeepSpeed": {"module": T, "optimizer": None, "global_steps": 7},
    "Lightning": {"state_dict": T, "callbacks": {"EarlyStopping": {"best_score": torch.tensor(1.0)}}, "loops": {}},
    "DINO teacher": {"teacher": {f"module.{name}": x for name, x in T.items()}},
    "an average alone": {"state_dict_ema": T},
    "twice wrapped": {"state_dict": {"model": T}},
    "a name of its own": {"siglip": T, "epoch": 1},
    "three times wrapped": {"checkpoint": {"state_dict": {"model": T}}, "optimizer": OPTIMIZER},
    "deep down": {"a": {"b": {"c": {"d": {"e": {"f": T}}}}}},
    "random state beside it": {"model": T, "rng_state": torch.zeros(8, dtype=torch.uint8)},
}


def saved(content: object, folder: Path) -> Path:
    torch.save(content, folder / "x.pth")
    return folder / "x.pth"


def demand_equal(found: dict[str, Tensor]) -> None:
    assert found.keys() == T.keys() and all(torch.equal(found[name], T[name]) for name in T)


@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_checkpoints(kind: str, tmp_path: Path) -> None:
    demand_equal(read_tensors(saved(CHECKPOINTS[kind], tmp_path)))


@pytest.mark.parametrize(
    "keys", [("state_dict", "state_dict_ema"), ("student", "teacher"), ("model", "model_ema"), ("one", "two")]
)
def test_several_models_are_refused(keys: tuple[str, str], tmp_path: Path) -> None:
    path = saved({key: T for key in keys} | {"epoch": 1}, tmp_path)
    first, second = sorted(keys)
    with pytest.raises(WeightsError, match=rf"holds several models, '{first}', '{second}': save only the one you need"):
        read_tensors(path)


@pytest.mark.parametrize(
    "before", ["module.", "_orig_mod.", "module._orig_mod.", "_fsdp_wrapped_module.", "_orig_mod.module."]
)
def test_prefixes_of_wrappers_are_removed(before: str, tmp_path: Path) -> None:
    demand_equal(read_tensors(saved({before + name: x for name, x in T.items()}, tmp_path)))


def test_wrappers_of_parts(tmp_path: Path) -> None:
    """torch.compile, FSDP and gradient_checkpointing of blocks put names in the middle."""
    content = {"a._orig_mod.weight": T["a.weight"], "_fsdp_wrapped_module._checkpoint_wrapped_module.b": T["b"]}
    demand_equal(read_tensors(saved(content, tmp_path)))


def test_a_part_of_its_own_may_be_called_module(tmp_path: Path) -> None:
    assert read_tensors(saved({"x.module.y": T["b"]}, tmp_path)).keys() == {"x.module.y"}


def test_the_names_of_a_wrapped_and_a_plain_model(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"x.pth holds b twice, with and without the prefix of a wrapper"):
        read_tensors(saved({"b": T["b"], "module.b": T["b"]}, tmp_path))


def test_torchs_own_average(tmp_path: Path) -> None:
    average = AveragedModel(nn.Linear(2, 1))
    assert read_tensors(saved({"ema": average.state_dict()}, tmp_path)).keys() == {"weight", "bias"}


def test_a_name_of_its_own_stays(tmp_path: Path) -> None:
    assert read_tensors(saved({"n_averaged": T["b"]}, tmp_path)).keys() == {"n_averaged"}


def test_an_optimizers_state_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="holds no tensors"):
        read_tensors(saved(OPTIMIZER, tmp_path))


def test_a_repeated_dictionary_is_searched_once(tmp_path: Path) -> None:
    many: dict[str, object] = {}
    for _ in range(60):
        many = {"state_dict": many, "model": many}
    with pytest.raises(WeightsError, match="holds no tensors"):
        read_tensors(saved(many, tmp_path))


@pytest.mark.parametrize("content", [b"<!doctype html><html>not found", bytes(100)])
def test_other_files_are_not_reported_as_code(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"x.pth is not a readable file of weights: it was not written by"):
        read_tensors(tmp_path / "x.pth")


def test_a_pickle_that_holds_itself(tmp_path: Path) -> None:
    knot: dict[str, object] = {"epoch": 1}
    knot["model"] = knot
    with pytest.raises(WeightsError, match=r"x.pth holds no tensors"):
        read_tensors(saved(knot, tmp_path))


def test_unsafe_content_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"holds more than tensors, which could run code \(pathlib.*Path\): save "):
        read_tensors(saved({"state_dict": T, "folder": tmp_path}, tmp_path))
