"""Weights: a round trip, and every way in which a file does not fit."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, load_model, save_file
from torch import nn

from pali3kit.errors import WeightsError
from pali3kit.vision.vit import ViT
from pali3kit.weights import files
from pali3kit.weights.files import load_weights, save_half, save_weights


def test_round_trip(tmp_path: Path) -> None:
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    save_weights(one, tmp_path / "w.safetensors")
    load_weights(other, tmp_path / "w.safetensors")
    assert torch.equal(one.weight, other.weight) and torch.equal(one.bias, other.bias)


def _embedding_and_logits(tied: bool) -> nn.ModuleDict:
    """As most models of transformers have them."""
    module = nn.ModuleDict({"embedding": nn.Embedding(4, 3), "logits": nn.Linear(3, 4, False)})
    if tied:
        module["logits"].weight = module["embedding"].weight
    return module


def test_tied_weights_are_stored_once(tmp_path: Path) -> None:
    one, other, untied = map(_embedding_and_logits, (True, True, False))
    save_weights(one, tmp_path / "w.safetensors")
    assert list(load_file(tmp_path / "w.safetensors")) == ["embedding.weight"]
    for module in (other, untied):
        load_weights(module, tmp_path / "w.safetensors")
        assert torch.equal(module["embedding"].weight, one["embedding"].weight)
        assert torch.equal(module["logits"].weight, one["embedding"].weight)
    assert other["logits"].weight is other["embedding"].weight
    load_model(other, tmp_path / "w.safetensors")  # safetensors' own reader


def test_half_files_load_into_fp32_models(tmp_path: Path) -> None:
    """What is tied stays so, and tensors of other types are kept as they are."""
    one, other = map(_embedding_and_logits, (True, True))
    for module in (one, other):
        module.register_buffer("steps", torch.tensor(2**40 + 1))
    save_weights(one, tmp_path / "w.safetensors")
    save_half(tmp_path / "w.safetensors", tmp_path / "half.safetensors")
    stored = load_file(tmp_path / "half.safetensors")
    assert {name: tensor.dtype for name, tensor in stored.items()} == {
        "embedding.weight": torch.float16, "steps": torch.int64
    }  # fmt: skip
    load_weights(other, tmp_path / "half.safetensors")
    assert other["logits"].weight is other["embedding"].weight and other["logits"].weight.dtype == torch.float32
    assert torch.equal(other["logits"].weight, one["logits"].weight.half().float()) and other.steps == 2**40 + 1


def test_converted_tensors_are_fp32_before_they_are_converted(tmp_path: Path) -> None:
    save_weights(nn.Linear(3, 2), tmp_path / "w.safetensors")
    save_half(tmp_path / "w.safetensors", tmp_path / "half.safetensors")
    seen: set[torch.dtype] = set()

    def convert(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        seen.update(tensor.dtype for tensor in tensors.values())
        return tensors

    load_weights(nn.Linear(3, 2), tmp_path / "half.safetensors", convert)
    assert seen == {torch.float32}


def test_numbers_that_fp16_cannot_hold_are_refused(tmp_path: Path) -> None:
    save_file({"a": torch.tensor([1e5]), "b": torch.ones(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"w.safetensors does not fit into float16: a have numbers above 65504"):
        save_half(tmp_path / "w.safetensors", tmp_path / "half.safetensors")
    assert not (tmp_path / "half.safetensors").exists()


def test_tied_models_of_transformers_are_stored_once(tmp_path: Path) -> None:
    shape = transformers.T5Config(vocab_size=20, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)
    one, other = (transformers.T5ForConditionalGeneration(shape) for _ in range(2))
    save_weights(one, tmp_path / "w.safetensors")
    load_weights(other, tmp_path / "w.safetensors")
    stored, state = load_file(tmp_path / "w.safetensors"), one.state_dict()
    assert len(stored) == len(dict(one.named_parameters())) < len(state)
    assert all(torch.equal(other.state_dict()[name], x) for name, x in state.items())


def test_weights_that_differ_do_not_fit_a_model_that_ties_them(tmp_path: Path) -> None:
    save_weights(_embedding_and_logits(tied=False), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=r"logits.weight differs from embedding.weight, to which the model ties it"):
        load_weights(_embedding_and_logits(tied=True), tmp_path / "w.safetensors")


@pytest.mark.parametrize("writes", [True, False])
def test_only_the_rank_that_writes_keeps_what_is_gathered(
    writes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gathered: list[weakref.ref[torch.Tensor]] = []
    alive: list[int] = []

    def whole(shard: torch.Tensor) -> torch.Tensor:
        alive.append(sum(one() is not None for one in gathered))
        tensor = shard.clone()
        gathered.append(weakref.ref(tensor))
        return tensor

    monkeypatch.setattr(files, "_whole", whole)
    save_weights(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), tmp_path / "w.safetensors", writes)
    assert alive == ([0, 1, 2, 3] if writes else [0, 0, 0, 0])
    assert (tmp_path / "w.safetensors").exists() is writes


def test_a_file_is_mapped_not_read(tmp_path: Path) -> None:
    save_weights(nn.Linear(1000, 1000), tmp_path / "w.safetensors")
    for tensor in files._read(tmp_path / "w.safetensors").values():
        mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if "w.safetensors" in line]
        start, end = (int(number, 16) for number in mapped[0].split()[0].split("-"))
        assert start <= tensor.data_ptr() < end


def test_all_tensors_that_do_not_fit_are_named(tmp_path: Path) -> None:
    save_weights(nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2)), tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(2), nn.LayerNorm(1)), tmp_path / "w.safetensors")
    text = str(error.value)
    assert "0.weight has shape [2, 3], the model expects [4, 3]" in text
    assert "missing 2.bias" in text and "1.weight has shape [2, 2], the model expects [2]" in text


@pytest.mark.parametrize("damage", ["truncated", "absent", "garbage"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "w.safetensors"
    if damage != "absent":
        save_weights(nn.Linear(30, 20), path)
        whole = path.read_bytes()
        path.write_bytes(whole[:-100] if damage == "truncated" else b"\x80garbage" * 20)
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_weights(nn.Linear(30, 20), path)


def test_errors_of_the_conversion(tmp_path: Path) -> None:
    """Positions to be resampled may be missing, or of a wrong shape."""
    vit = ViT(image_size=16, width=8, depth=1, heads=2, mlp=8, patch=8)
    for odd in ({"x": torch.ones(1)}, {"positions": torch.ones(1, 7, 8)}, {"positions": torch.ones(4)}):
        save_file(odd, tmp_path / "w.safetensors")
        with pytest.raises(WeightsError, match=r"w.safetensors does not fit the model"):
            load_weights(vit, tmp_path / "w.safetensors", lambda found: vit.resample_positions(found, (4, 4)))
