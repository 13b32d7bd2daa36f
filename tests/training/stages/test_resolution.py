"""Stage 2: the encoder learns too, from images of another size; what follows sees with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pali3kit.models.pali import PaLIModel
from pali3kit.plan.kinds import features, resolution
from pali3kit.plan.step import Step
from pali3kit.training.components import Artifact
from pali3kit.training.context import StageContext
from pali3kit.training.modules import PaLIModule
from pali3kit.training.stages import resolution as resolution_stage
from pali3kit.training.stream import ImageSource
from pali3kit.vision.vit import ViT


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


def test_the_start_runs_no_encoder_and_images_are_uint8(chain: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the paper's size a run of the encoder took 35 GB of memory in every rank."""
    stage_2, run = step(chain, 96), list[str]()
    seen = list[tuple[PaLIModel, ImageSource]]()
    parents = {role: chain.make(parent) for role, parent in stage_2.parents.items()}
    forward = ViT.forward
    monkeypatch.setattr(ViT, "forward", lambda vit, images: run.append(images.device.type) or forward(vit, images))
    monkeypatch.setattr(
        "pali3kit.training.stages.resolution.train_pali", lambda *given: seen.append((given[0], given[-1]))
    )
    monkeypatch.setattr("pali3kit.training.stages.resolution.save_weights", lambda *_: None)
    monkeypatch.setattr("pali3kit.training.stages.resolution.save_model", lambda *_, **__: None)
    resolution_stage.run(stage_2.config, StageContext(chain.root, parents, 0, lambda *_, **__: None, threads=1))
    [(model, image_source)] = seen
    model.vision = image_source.vision
    PaLIModule(model)
    assert run == ["meta"]
    assert image_source.read(0).dtype == torch.uint8 and image_source.read(0).shape == (1, 3, 96, 96)
    held = {name for name, weight in image_source.vision.named_parameters() if not weight.requires_grad}
    assert held == {name for name, _ in image_source.vision.named_parameters() if name.startswith("head.")}


def test_calibration(chain: Any) -> None:
    cost = chain.cost(step(chain, 96))
    assert cost.seconds > 0 and cost.tokens > 36 and cost.parameters > 0
