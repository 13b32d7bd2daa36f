from __future__ import annotations

from typing import Any

import pytest

from pali3kit.config.load import load
from pali3kit.config.merge import merge, nest
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Recipe
from pali3kit.config.tree import Node

VIT = {"name": "vit", "width": 64, "depth": 2}


def vision(part: Any) -> dict[str, Any]:
    return {"model": {"vision": part}}


@pytest.mark.parametrize(
    ("lower", "upper", "merged"),
    [
        ({"seeds": [0]}, {"seeds": [1, 2]}, {"seeds": [1, 2]}),
        ({"data": {"train": 1, "test": 2}}, {"data": {"test": 3}}, {"data": {"train": 1, "test": 3}}),
        ({"grid": {"pretrain": ["a"]}}, {"grid": {"model.vision": ["b"]}},
         {"grid": {"pretrain": ["a"], "model.vision": ["b"]}}),
        (vision(VIT), vision("other"), vision("other")),
        (vision(VIT), vision("vit"), vision("vit")),
        (vision(VIT), vision({"width": 32}), vision({**VIT, "width": 32})),
        (vision(VIT), vision({"name": "vit", "size": "B/16"}), vision({"name": "vit", "size": "B/16"})),
        (vision(VIT), vision({"name": "x", "a": 1}), vision({"name": "x", "a": 1})),
        (vision("vit"), vision({"width": 32}), vision({"name": "vit", "width": 32})),
        ({"stages": {"mask_tokenizer": {"optimizer": {"name": "muon", "warmup": 0.1}}}},
         {"stages": {"mask_tokenizer": {"optimizer": {"name": "adamw"}}}},
         {"stages": {"mask_tokenizer": {"optimizer": {"name": "adamw", "warmup": 0.1}}}}),
    ],
)  # fmt: skip
def test_upper_layer_wins(lower: Any, upper: Any, merged: Any) -> None:
    assert merge(Experiment, Node.of(lower, "lower"), Node.of(upper, "upper")).plain() == merged


def test_merged_values_keep_their_places() -> None:
    tree = merge(Experiment, Node.of({"data": {"train": 1, "test": 2}}, "low"), Node.of({"data": {"test": 3}}, "up"))
    data = tree.value["data"].value
    assert (data["train"].where, data["test"].where) == ("low", "up")


@pytest.mark.parametrize(
    ("key", "nested"),
    [
        ("pretrain", {"pretrain": 1}),
        ("stages.vision.optimizer.name", {"stages": {"vision": {"optimizer": {"name": 1}}}}),
        ("model.vision.width", {"model": {"vision": {"width": 1}}}),
        ("grid.model.projector", {"grid": {"model.projector": 1}}),
        ("stages.multimodal.mixture.ocr", {"stages": {"multimodal": {"mixture": {"ocr": 1}}}}),
        ("runtime.stages.vision.nodes", {"runtime": {"stages": {"vision": {"nodes": 1}}}}),
        ("published.zero_shot.top1", {"published": {"zero_shot.top1": 1}}),
        ("no.such.key", {"no": {"such": {"key": 1}}}),
    ],
)
def test_dotted_keys_nest_by_type(key: str, nested: Any) -> None:
    assert nest(Experiment, key, Node.of(1, "here")).plain() == nested


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("vqav2=64", Recipe(examples=64, learning_rate=1e-3)),
        ("vqav2={examples: 64}", Recipe(examples=64, learning_rate=1e-3)),
        ("vqav2.examples=64", Recipe(examples=64, learning_rate=1e-3)),
        ("vqav2.learning_rate=null", Recipe(examples=3072)),
        ("xm3600.batch_size=64", Recipe(examples=6144, batch_size=64)),
        ("textvqa.batch_size=64", Recipe(batch_size=64)),
    ],
)
def test_a_recipe_of_a_transfer_keeps_what_is_not_overridden(override: str, expected: Recipe) -> None:
    name = override.partition("=")[0].partition(".")[0]
    loaded = load("experiments/ablate_classif.yaml", [f"stages.transfer.benchmarks.{override}"])
    assert loaded.stages.transfer.benchmarks[name] == expected
