"""Calibration: random batches have the shapes of real ones."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pali3kit.config.component import Optimizer
from pali3kit.config.stages import Multimodal
from pali3kit.plan.kinds.multimodal import Config
from pali3kit.training import calibration, joint
from pali3kit.training.components import build_vision
from pali3kit.training.context import ComponentSpecs, MemoryProfile
from pali3kit.training.memory_profile import dry_run
from pali3kit.training.stages.multimodal import calibrate
from pali3kit.types import Json
from pali3kit.vision.contract import VisionEncoder

SIZES = ComponentSpecs(
    image_size=16,
    vision={"name": "vit", "width": 16, "depth": 1, "heads": 2, "mlp": 32, "patch": 8},
    projector={"name": "linear"},
    language={
        "name": "ul2", "width": 16, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 8, "mlp": 16
    },
    vocabulary=300,
    codes=8,
)  # fmt: skip


def test_the_vocabulary_counts_the_special_tokens() -> None:
    assert SIZES.vocabulary_size == 300 + 100 + 3 + 8
    assert int(calibration.random_ids(SIZES, 50, 50).max()) < 411


def test_a_random_pali_takes_random_pairs() -> None:
    model, width, grid = calibration.random_pali(SIZES)
    batch = calibration.random_pairs(SIZES, 3, width, grid)
    logits = model(batch["tokens"], grid, batch["prompts"], batch["prompt_mask"], batch["targets"])
    assert logits.shape == (3, calibration.TARGET, 411)
    assert batch["target_mask"].sum() == 3 * calibration.ANSWER
    region = calibration.random_pairs(SIZES, 3, width, grid, regions=True)
    assert region["target_mask"].shape == (3, calibration.REGION) and region["target_mask"].all()


def test_an_example_is_as_large_as_the_source_has_images(tmp_path: Path) -> None:
    """So `plan` and calibration count the tokens of the largest example."""
    (tmp_path / "r.jsonl").write_text(json.dumps({"images": ["1.png", "2.png", "3.png"], "caption": "a"}))
    source = {"name": "records", "path": str(tmp_path / "r.jsonl"), "images": str(tmp_path)}
    assert calibration.max_images(source) == 3 and calibration.max_images({"name": "world"}) == 1
    tokens = {}
    for name, data in (("clips", source), ("world", {"name": "world"})):
        training = Multimodal(examples=4, batch_size=2, optimizer=Optimizer())
        config = Config(source=data, image_size=16, bins=9, prompt_length=8, target_length=8,
                        projector={"name": "linear"}, training=training)  # fmt: skip
        tokens[name] = dry_run(calibrate, config, SIZES)
    assert tokens["clips"] is not None and tokens["world"] is not None
    assert tokens["clips"].tokens - tokens["world"].tokens == 2 * 4  # a grid of 2 x 2
    assert tokens["clips"].activations > tokens["world"].activations


def test_a_profile_is_shared_by_stages_of_equal_shape_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is what it is when nothing was profiled before."""
    clips: dict[str, Json] = {"name": "clips", "frames": 3, "clips": 3, "test_clips": 3}
    wide, deep = {**SIZES.vision, "width": 32}, {**SIZES.vision, "depth": 2}
    language, projector = {**SIZES.language, "mlp": 64}, {"name": "mlp"}

    def profiles(cold: bool) -> list[MemoryProfile | None]:
        found = []
        shared: dict[str | None, MemoryProfile] = {}
        monkeypatch.setattr(joint, "_PROFILES", shared)
        for sizes, source, optimizer in (
            (SIZES, {"name": "world"}, "muon"), (SIZES, {"name": "world"}, "muon"), (SIZES, clips, "muon"),
            (SIZES, {"name": "world"}, "adamw"), (replace(SIZES, image_size=32), {"name": "world"}, "muon"),
            (replace(SIZES, vision=wide), {"name": "world"}, "muon"),
            (replace(SIZES, vision=deep), {"name": "world"}, "muon"),
            (replace(SIZES, language=language), {"name": "world"}, "muon"),
            (replace(SIZES, projector=projector), {"name": "world"}, "muon"),
            (replace(SIZES, vocabulary=900), {"name": "world"}, "muon"),
        ):  # fmt: skip
            training = Multimodal(examples=4, batch_size=1, optimizer=Optimizer(name=optimizer))
            config = Config(source=source, image_size=16, bins=9, prompt_length=8, target_length=8,
                            projector=sizes.projector, training=training)  # fmt: skip
            found.append(dry_run(calibrate, config, sizes))
            if cold:
                shared.clear()
        if not cold:
            assert len(shared) == len(found) - 2, "two have the tokens and the language model of the first"
        return found

    for shared, own in zip(profiles(cold=False), profiles(cold=True), strict=True):
        assert shared is not None and own is not None and shared.state == own.state and shared.tokens == own.tokens
        assert shared.activations == pytest.approx(own.activations, rel=0.01), "two profiles of one step differ by 0.8%"


def test_one_thread_is_timed_by_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may have the core for most of the time: here, nobody does."""
    monkeypatch.setattr(calibration, "STEPS", 1)
    found = {}
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found[threads] = calibration.min_seconds(lambda number: time.sleep(0.2))
    assert found["1"] < 0.1 < 0.2 <= found["2"]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert calibration.min_seconds(lambda number: time.sleep(0.2), waits=True) >= 0.2


def test_an_encoder_that_reads_its_values_when_it_is_built_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stochastic depth often does: `[rate.item() for rate in torch.linspace(0, 0.1, depth)]`."""

    def build(vision: object, image_size: int) -> VisionEncoder:
        torch.linspace(0, 0.1, 3)[1].item()
        return build_vision(SIZES.vision, image_size)

    monkeypatch.setattr(calibration, "build_vision", build)
    calibration._vision_shape.cache_clear()
    width, grid, _ = calibration.vision_shape(SIZES)
    calibration._vision_shape.cache_clear()
    assert (width, grid) == (SIZES.vision["width"], (2, 2))


def test_the_first_call_is_not_measured() -> None:
    calls: list[int] = []
    assert calibration.min_seconds(calls.append) >= 0
    assert calls == list(range(calibration.STEPS + 1))
