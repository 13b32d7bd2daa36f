"""What cannot fit a stated device is refused, with the line of its stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pali3kit.config.load import load
from pali3kit.config.memory import _language_parameters, _least_bytes, _text_tower_parameters
from pali3kit.config.shapes import LANGUAGE_SHAPES, VIT_SHAPES
from pali3kit.config.vit_size import vit_parameters
from pali3kit.declared.entry import RegistryEntry
from pali3kit.errors import ConfigError
from pali3kit.language.ul2 import UL2
from pali3kit.models.text_tower import TextTower
from pali3kit.registry import OPTIMIZER
from pali3kit.vision.vit import ViT

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def complaints(*overrides: str) -> list[str]:
    try:
        load(EXPERIMENTS / "pali3.yaml", ["scale=paper", *overrides])
    except ConfigError as error:
        return [str(problem) for problem in error.problems]
    return []


def test_the_whole_model_does_not_learn_on_one_device_of_80_gib() -> None:
    """5.58 billion parameters of 16 bytes are 83.2 GiB; the language model's 3.74 alone are 55.8."""
    [complaint] = complaints("runtime.memory=80")
    assert "paper.yaml:" in complaint
    assert "5,584,933,248 parameters with adamw need at least 83.2 GiB on each device of 80 GiB" in complaint
    assert complaint.endswith(": let 2 ranks share them (runtime.stages.resolution: {devices: 2, strategy: fsdp}).")


@pytest.mark.parametrize(
    "overrides",
    [
        ["runtime.memory=141"],
        ["runtime.memory=0"],
        ["runtime.memory=80", "runtime.devices=2", "runtime.strategy=fsdp", "stages.language.optimizer.name=adamw"],
        ["runtime.memory=80", "runtime.stages.resolution={devices: 2, strategy: fsdp}"],
        ["runtime.memory=80", "runtime.stages.resolution={nodes: 2, strategy: fsdp}"],
        ["runtime.memory=80", "stages.resolution.optimizer.name=adafactor"],
        ["runtime.memory=80", "stages.resolution.steps=[]", "stages.transfer.start=multimodal",
         "evaluation.after=[transfer]"],
    ],
)  # fmt: skip
def test_it_does_with_more_devices_memory_or_thrift(overrides: list[str]) -> None:
    assert complaints(*overrides) == []


def test_nodes_hold_replicas_and_ranks_divide_the_batch() -> None:
    """The batch is 1024: five ranks would be enough for 20 GiB, but do not divide it."""
    told = complaints("runtime.memory=20", "runtime.stages.resolution={nodes: 4, devices: 2, strategy: fsdp}")
    assert any("at least 41.6 GiB on each device of 20 GiB: let 8 ranks share them" in text for text in told)


def test_copies_are_not_shares() -> None:
    assert any("83.2 GiB" in text for text in complaints("runtime.memory=80", "runtime.devices=2"))


def test_a_text_tower_that_is_tuned_counts() -> None:
    """A table of 250 thousand tokens at a width of 1024 alone is 3.8 GiB of weights, gradients and AdamW's moments."""
    lit = ["evaluate=[zero_shot]", "pretrain=pretrained", "tokenizer.vocabulary=250000",
    "stages.lit.optimizer.name=adamw",
           "model.vision={name: vit, size: B/16, weights: w.npz}",
           "stages.lit.text={name: siglip_text, width: 1024, depth: 24, heads: 16, mlp: 4096}"]  # fmt: skip
    told = [text for text in complaints(*lit, "runtime.memory=8") if "GiB" in text]
    assert len(told) == 1 and "at least 8.3 GiB" in told[0]
    assert not [text for text in complaints(*lit, "runtime.memory=9") if "GiB" in text]


def test_an_unknown_optimizer_is_told_and_its_moments_are_not_counted() -> None:
    [complaint] = complaints("runtime.memory=80", "stages.resolution.optimizer.name=adamx")
    assert "stages.resolution.optimizer.name cannot be 'adamx'. Did you mean 'adamw'?" in complaint


@pytest.mark.parametrize("memory", ["1e-300", "1e-320", "1e-6"])
def test_almost_no_memory_is_no_advice(memory: str) -> None:
    assert any(text.endswith(" GiB.") and "need at least" in text for text in complaints(f"runtime.memory={memory}"))


@pytest.mark.parametrize("size", ["B/16", "So400m/14", "G/14"])
@pytest.mark.parametrize("side", [224, 448])
def test_vit(size: str, side: int) -> None:
    with torch.device("meta"):
        model = ViT(side, size)
    counted = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("head."))
    assert vit_parameters(VIT_SHAPES[size], side) == counted


@pytest.mark.parametrize("size", ["tiny", "base", "3B", "20B"])
@pytest.mark.parametrize(("gated", "tied"), [(True, False), (False, True)])
def test_ul2(size: str, gated: bool, tied: bool) -> None:
    with torch.device("meta"):
        model = UL2(1000, size, gated=gated, tied=tied)
    counted = sum(p.numel() for p in model.parameters())
    assert _language_parameters(LANGUAGE_SHAPES[size], 1000, gated, tied, buckets=32) == counted


@pytest.mark.parametrize("bottleneck", [None, 96])
def test_text_tower(bottleneck: int | None) -> None:
    with torch.device("meta"):
        model = TextTower(1000, 64, 768, width=512, depth=3, heads=8, mlp=1024, bottleneck=bottleneck)
    counted = sum(p.numel() for p in model.parameters())
    assert _text_tower_parameters(1000, 64, 768, 512, 3, 1024, bottleneck) == counted


def test_least_bytes_by_hand() -> None:
    assert _least_bytes(10, "adamw") == 160 and _least_bytes(10, "adafactor") == 100
    assert _least_bytes(10, "muon") == 120


def test_an_optimizer_that_does_not_tell_is_thought_to_keep_two_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    OPTIMIZER.names()
    monkeypatch.setitem(OPTIMIZER._entries, "silent", RegistryEntry("silent", "theirs:silent"))
    monkeypatch.setitem(OPTIMIZER._entries, "sgd", RegistryEntry("sgd", "theirs:sgd", moments=0))
    assert _least_bytes(10, "silent") == 160 and _least_bytes(10, "sgd") == 80
