"""Memory profiles of stages, found by dry runs."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from fakes import Loose
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from transformers import SiglipVisionConfig, T5Config

from pali3kit.config.component import Component, Optimizer
from pali3kit.config.runtime import Runtime
from pali3kit.config.stages import LanguagePretraining, Transfer, VisionPretraining
from pali3kit.execution.demand import device_bytes
from pali3kit.execution.estimates import Estimate
from pali3kit.execution.messages import Calibrated, Profiled
from pali3kit.execution.worker import TIMED_FLOPS, _calibrate, _profile
from pali3kit.language.ul2 import UL2
from pali3kit.models.pali import PaLIModel
from pali3kit.nn.pretrained import skip_pretrained
from pali3kit.plan.kinds import evaluate as evaluation
from pali3kit.plan.kinds import features as features_kind
from pali3kit.plan.kinds import language as language_kind
from pali3kit.plan.kinds import transfer as transfer_kind
from pali3kit.plan.kinds import vision as vision_kind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step
from pali3kit.projector.linear import LinearProjector
from pali3kit.training import memory_profile
from pali3kit.training.calibration import min_seconds
from pali3kit.training.context import ComponentSpecs, MemoryProfile, StageCost
from pali3kit.training.modules import PaLIModule
from pali3kit.training.optimizers import build_optimizer
from pali3kit.training.stages import evaluate, features, language, transfer, vision
from pali3kit.vision.vit import ViT

TEXT = Component(name="siglip_text", options={"width": 1664, "depth": 48, "heads": 16, "mlp": 8192})
ADAMW = Optimizer(name="adamw")
G_14 = vision_kind.Config(
    pretrain="siglip",
    image_size=224,
    vision={"name": "vit", "size": "G/14"},
    source={"name": "world"},
    training=VisionPretraining(examples=64, batch_size=32, optimizer=ADAMW, text_length=64, text=TEXT),
)
G_14_SIZES = ComponentSpecs(image_size=224, vision=G_14.vision, vocabulary=250_000)
UL2_20B = ComponentSpecs(
    image_size=224,
    vision={"name": "vit", "size": "B/16"},
    projector={"name": "linear"},
    language={"name": "ul2", "size": "20B"},
    vocabulary=32_000,
)
ANSWERS = evaluation.Config(
    source={"name": "world"}, image_size=224, bins=1000, prompt_length=32, target_length=32, benchmark="vqav2",
    after="transfer", limit=64, beams=1, test=64,
)  # fmt: skip
PRETRAINED = language_kind.Config(
    language=UL2_20B.language,
    training=LanguagePretraining(examples=64, batch_size=32, optimizer=ADAMW, length=64),
)  # fmt: skip
TRANSFER = transfer_kind.Config(
    source={"name": "world"}, image_size=64, bins=1000, prompt_length=32, target_length=32, task="vqa",
    training=Transfer(examples=64, batch_size=32, optimizer=ADAMW),
)  # fmt: skip
FEATURES = features_kind.Config(source={"name": "world"}, image_size=64, split="train", count=9)


@pytest.mark.parametrize(
    ("calibrate", "config", "sizes", "parameters", "gigabytes"),
    [
        (vision.calibrate, G_14, G_14_SIZES, 4_141_760_130, 66),
        (evaluate.calibrate, ANSWERS, UL2_20B, 19_721_994_240, 79),
        (language.calibrate, PRETRAINED, UL2_20B, 19_548_000_000, 313),
    ],
)
def test_a_large_stage_is_profiled_without_memory(
    calibrate: Any, config: StageConfig, sizes: ComponentSpecs, parameters: int, gigabytes: int
) -> None:
    """16 bytes per parameter trained with AdamW, 4 per frozen one."""
    weight = memory_profile.dry_run(calibrate, config, sizes)
    assert weight is not None and round(weight.state / 1e9) == gigabytes
    assert weight.parameters == pytest.approx(parameters, rel=0.01)
    assert torch.get_default_device().type == "cpu"


def test_a_stage_that_does_not_fit_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = Step("tokenizer", "tokenizer", Loose({"vocabulary": 250_000}))
    step = Step("vision", "vision", G_14, parents={"tokenizer": tokenizer})
    monkeypatch.setattr(memory_profile, "available_memory", lambda: 8_000_000_000)
    message = _profile(step, 1)
    assert isinstance(message, Profiled) and message.rows == 0
    assert message.profile is not None and message.profile.tokens == 256 + 64


def pali() -> tuple[PaLIModule, Any]:
    torch.manual_seed(0)
    vit = ViT(32, width=32, depth=2, heads=2, mlp=64, patch=8)
    language = UL2(200, width=48, encoder_depth=2, decoder_depth=2, heads=3, head_width=16, mlp=64)
    texts = {"prompts": torch.ones(1, 7).long(), "targets": torch.ones(1, 5).long()}
    masks = {"prompt_mask": torch.ones(1, 7).bool(), "target_mask": torch.ones(1, 5).bool()}
    return PaLIModule(PaLIModel(vit, LinearProjector(32, 48), language), (4, 4)), {
        "images": torch.zeros(1, 3, 32, 32), **texts, **masks,
    }  # fmt: skip


def test_activations_and_flops_are_those_of_a_real_step() -> None:
    """With a trainable bias, attention on CPUs saves a matrix of scores, fused kernels do not."""
    module, batch = pali()
    real = memory_profile._SavedTensors(module.parameters())
    with real:
        module.losses(batch)["loss"]
    # by products of matrices, since the counter does not know the kernel that some CPUs fuse attention with
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module.losses(batch)["loss"]
    with torch.device("meta"):
        shadow, _ = pali()
    optimizer = shadow.configure_optimizers()["optimizer"]
    nothing = {name: tensor.to("meta") for name, tensor in batch.items()}
    weight = memory_profile.profile_on_meta(shadow, optimizer, lambda: shadow.losses(nothing)["loss"], 23)
    assert weight.parameters == sum(p.numel() for p in module.parameters())
    assert weight.activations == pytest.approx(real.total(), rel=0.2)
    assert weight.recomputed < 0.7 * weight.activations
    assert weight.flops == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_optimizer_state_is_measured() -> None:
    model = nn.Linear(100, 100, bias=False, device="meta")
    sizes = {}
    for name in ("adamw", "adafactor"):
        optimizer = build_optimizer(model, Optimizer(name=name))
        sizes[name] = memory_profile.profile_on_meta(
            model, optimizer, lambda: model(torch.ones(1, 100, device="meta")).sum(), 1
        ).state
    assert sizes["adamw"] == pytest.approx(16 * 10_000, rel=0.01)
    assert sizes["adafactor"] == pytest.approx(10 * 10_000, rel=0.05)


def test_errors_on_the_meta_device_are_raised() -> None:
    built: list[str] = []

    def small(config: StageConfig, sizes: ComponentSpecs) -> None:
        built.append(nn.Linear(3, 4).weight.device.type)
        min_seconds(built.append)

    def broken(config: StageConfig, sizes: ComponentSpecs) -> None:
        raise RuntimeError("no meta kernel")

    weight = memory_profile.dry_run(small, StageConfig(), ComponentSpecs())
    assert weight is not None and (weight.parameters, weight.state) == (16, 64)
    with pytest.raises(RuntimeError, match="no meta kernel"):
        memory_profile.dry_run(broken, StageConfig(), ComponentSpecs())
    assert built == ["meta"], "nothing was run"
    assert torch.get_default_device().type == "cpu"


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, str]:
    """Small configurations of a Flan-T5 and a SigLIP of transformers, without weights."""
    t5 = T5Config(vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4,
                  feed_forward_proj="gated-gelu", tie_word_embeddings=False, decoder_start_token_id=0)  # fmt: skip
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 64, "patch_size": 8}
    known = {"t5": t5, "siglip": SiglipVisionConfig(intermediate_size=64, **shape)}
    for name, config in known.items():
        config.save_pretrained(tmp_path / name)
    return {name: str(tmp_path / name) for name in known}


def test_components_are_profiled_without_reading_their_weights(
    folders: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files need not exist: nothing is read or downloaded."""
    seen: list[dict[str, Any]] = [
        {"name": "vit", "width": 32, "depth": 1, "heads": 2, "mlp": 64, "patch": 8, "weights": "nowhere.npz"},
        {"name": "timm/vit_tiny_patch16_224", "pretrained": True},
        {"name": "open_clip/ViT-B-16-SigLIP", "pretrained": "webli"},
        {"name": f"hf/{folders['siglip']}"},
    ]
    read: list[dict[str, Any]] = [
        {"name": "ul2", "weights": folders["t5"]},
        {"name": f"hf/{folders['t5']}"},
    ]
    linear = {"name": "linear"}
    with skip_pretrained():
        for part in seen:
            size = 224 if part["name"].startswith(("open_clip", "timm")) else 64
            sizes = ComponentSpecs(image_size=size, vision=part)
            weight = memory_profile.dry_run(features.calibrate, replace(FEATURES, image_size=size), sizes)
            assert weight is not None and weight.state >= 4 * weight.parameters > 0 and weight.flops, part
        for part in read:
            sizes = ComponentSpecs(image_size=64, vision=seen[0], projector=linear, language=part, vocabulary=96)
            weight = memory_profile.dry_run(transfer.calibrate, TRANSFER, sizes)
            assert weight is not None and weight.state > 12 * weight.parameters > 0 and weight.activations, part


def test_a_plan_of_a_component_with_weights_knows_that_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(G_14, vision={**G_14.vision, "weights": "nowhere.npz"})
    step = Step("vision", "vision", config, parents={"tokenizer": Step("tokenizer", "t", Loose({"vocabulary": 250}))})
    monkeypatch.setattr(memory_profile, "available_memory", lambda: 8_000_000_000)
    message = _profile(step, 1)
    assert isinstance(message, Profiled) and message.rows == 0 and message.profile is not None
    need = device_bytes(step, Estimate(None, "its shapes", profile=message.profile), Runtime(memory=8.0))
    assert need is not None and need > 8 << 30


def test_stages_that_cannot_be_profiled_are_measured_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def calibrate(config: StageConfig, sizes: ComponentSpecs) -> float:
        if memory_profile.in_dry_run():
            raise RuntimeError("no meta kernel")
        return 0.25

    monkeypatch.setattr(language, "calibrate", calibrate)
    step = Step("language", "language", PRETRAINED)
    assert _profile(step, 1) == Profiled(None, "RuntimeError: no meta kernel", rows=32)
    assert _calibrate(step, 32, 1) == Calibrated(StageCost(0.25))


def test_a_calibration_measures_a_part_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it takes a second for any batch size; the optimizer's step counts once per batch."""
    rows: list[int] = []

    def calibrate(config: language_kind.Config, sizes: ComponentSpecs) -> StageCost:
        if memory_profile.in_dry_run():
            raise memory_profile.DryRunFinished(MemoryProfile(1, 4, effort=TIMED_FLOPS // 10))
        rows.append(config.training.batch_size)
        return StageCost(0.5, step=64.0)

    monkeypatch.setattr(language, "calibrate", calibrate)
    step = Step("language", "language", PRETRAINED)
    found = _profile(step, 1)
    assert isinstance(found, Profiled) and found.rows == 10
    assert _calibrate(step, found.rows, 1) == Calibrated(StageCost(0.5 + 64.0 / 32)) and rows == [10]


def test_steps_that_differ_in_their_batch_share_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def calibrate(config: language_kind.Config, sizes: ComponentSpecs) -> float:
        built.append(config.training.length)
        raise memory_profile.DryRunFinished(MemoryProfile(1, 4, effort=10))

    monkeypatch.setattr(language, "calibrate", calibrate)
    of_64, of_32 = (
        replace(PRETRAINED, training=replace(PRETRAINED.training, batch_size=64)),
        replace(PRETRAINED, training=replace(PRETRAINED.training, length=32)),
    )
    found = [_profile(Step("language", "language", config), 1) for config in (PRETRAINED, of_64, of_32)]
    assert [message.profile.effort for message in found] == [320, 640, 320] and built == [64, 32]


class RandomCalls(TorchDispatchMode):
    """Counts the calls that draw numbers."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func.overloadpacket.__name__ in ("normal_", "uniform_", "normal", "uniform")
        return func(*args, **(kwargs or {}))


def test_weights_that_have_no_values_get_no_random_ones() -> None:
    def build(config: StageConfig, sizes: ComponentSpecs) -> None:
        pali()
        torch.nn.init.normal_(torch.empty(3))
        torch.empty(3).uniform_()
        torch.nn.init.trunc_normal_(torch.empty(3))
        min_seconds(lambda number: None)

    with RandomCalls() as calls:
        profile = memory_profile.dry_run(build, PRETRAINED, UL2_20B)
    assert profile is not None and profile.parameters > 10_000 and calls.count == 0
    with calls:
        pali()
    assert calls.count > 20
    assert torch.empty(9).normal_().std() > 0


def test_some_memory_is_free() -> None:
    assert memory_profile.available_memory() > 1 << 26


def test_memory_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(path: Path, **_: Any) -> str:
        raise FileNotFoundError(path)

    def unknown(name: str) -> int:
        raise ValueError("unrecognized configuration name")

    monkeypatch.setattr(Path, "read_text", absent)
    assert memory_profile.available_memory() > 1 << 26
    monkeypatch.setattr(os, "sysconf", unknown)
    assert memory_profile.available_memory() == sys.maxsize


def test_layers_of_transformers_are_counted_once() -> None:
    """Parts of a T5 block have an attribute of the same name as the stacks that can be checkpointed."""
    transformers = pytest.importorskip("transformers")
    shape = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_heads": 2, "num_layers": 2, "vocab_size": 16}
    assert len(memory_profile._layers(transformers.T5ForConditionalGeneration(transformers.T5Config(**shape)))) == 4
