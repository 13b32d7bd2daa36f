"""Stage 2: the encoder learns too, from images of another size; what follows sees with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from pali3kit.plan.kinds import features, resolution
from pali3kit.plan.step import Step
from pali3kit.training.components import Artifact


def step(chain: Any, size: int, before: Step | None = None) -> Step:
    """A step of stage 2 behind stage 1, or behind another one."""
    stage_1 = chain.step("multimodal")
    vision = stage_1.parents["features"].parents["vision"]
    texts = {key: stage_1.plain[key] for key in ("source", "bins", "prompt_length", "target_length")}
    training = replace(stage_1.config.training, examples=32, batch_size=16)
    config = resolution.Config(**texts, image_size=size, count=40, training=training)
    parents = {"model": before or stage_1, "vision": before or vision, "tokenizer": stage_1.parents["tokenizer"]}
    return Step("resolution", f"resolution/{size}", config, 0, parents)


def test_everything_learns_and_the_positions_fit_the_larger_grid(chain: Any) -> None:
    stage_2 = step(chain, 96)
    before, after = chain.make(stage_2.parents["vision"]), chain.make(stage_2)
    assert Artifact(after).config["image_size"] == 96
    old, new = load_file(before / "weights.safetensors"), load_file(after / "vision.safetensors")
    assert old["positions"].shape[1] == 16 and new["positions"].shape[1] == 36
    learnt = [name for name in old if name != "positions" and not name.startswith("head.")]
    assert learnt and not any(torch.equal(old[name], new[name]) for name in learnt)
    first, then = (load_file(chain.make(n) / "weights.safetensors") for n in (stage_2.parents["model"], stage_2))
    assert first.keys() == then.keys() and not any(name.startswith("vision.") for name in then)
    assert not torch.equal(first["projector.linear.weight"], then["projector.linear.weight"])


def test_a_step_continues_the_one_before_and_features_are_of_its_encoder(chain: Any) -> None:
    first = step(chain, 96)
    second = step(chain, 128, before=first)
    folder = chain.make(second)
    vision = Artifact(folder).vision()
    assert vision.native_grid == (8, 8)
    config = features.Config(source=first.plain["source"], image_size=128, split="test", count=3)
    made = chain.make(Step("features", "features/test@128", config, 0, {"vision": second}))
    assert np.load(made / "test.npy").shape == (3, 64, vision.width)


def test_at_the_same_size_the_first_outputs_are_the_parents(chain: Any) -> None:
    """Nothing of the encoder is lost on the way into stage 2."""
    encoder = chain.make(chain.step("vision", pretrain="random"))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(Artifact(encoder).vision()(images), Artifact(encoder).vision(64)(images))
        assert Artifact(encoder).vision(128)(torch.randn(2, 3, 128, 128)).shape[1] == 64


def test_calibration(chain: Any) -> None:
    cost = chain.cost(step(chain, 96))
    assert cost.seconds > 0 and cost.tokens > 36 and cost.parameters > 0
