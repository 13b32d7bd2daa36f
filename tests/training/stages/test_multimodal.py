"""Stage 1: starts from the pretrained language model and trains all of PaLI but the encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from pali3kit.plan.step import Step
from pali3kit.training.components import Artifact
from pali3kit.training.context import StageContext
from tests.training.stages.conftest import altered, run


def test_it_moves_away_from_the_pretrained_language_model(chain: Any) -> None:
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    before = Artifact(chain("language")).language(tokenizer).state_dict()
    after = Artifact(chain("multimodal")).pali(tokenizer).language.state_dict()
    assert before.keys() == after.keys()
    moved = {name: (after[name] - before[name]).norm() / before[name].norm() for name in before}
    assert 0 < moved["encoder.0.attention.query.weight"] < 1
    assert not torch.equal(before["embedding.weight"], after["embedding.weight"])


def uncached(chain: Any, kind: str, **wanted: object) -> Step:
    """The same stage on images and the encoder, instead of its tokens."""
    step = chain.step(kind, **wanted)
    vision = step.parents["features"].parents["vision"]
    parents = {role: parent for role, parent in step.parents.items() if role != "features"}
    return replace(altered(step, count=40), parents={**parents, "vision": vision})


def test_without_kept_tokens_it_learns_the_same(chain: Any) -> None:
    """Kept tokens are fp16, so not to the bit; the encoder stays as it is, and out of the weights."""
    kept, seen = (chain.make(step) for step in (chain.step("multimodal"), uncached(chain, "multimodal")))
    first, second = (load_file(folder / "weights.safetensors") for folder in (kept, seen))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert (tensor - second[name]).norm() < 0.05 * tensor.norm() + 1e-3, name


def test_texts_alone_are_learned_beside_images(chain: Any) -> None:
    step = chain.step("multimodal")
    mixtures = ({"span_corruption": 1.0}, {"span_corruption": 1.0, "vqa": 1.0})
    weights = []
    for mixture in mixtures:
        folder = chain.make(altered(step, {"mixture": mixture}))
        weights.append(load_file(folder / "weights.safetensors"))
    torch.manual_seed(0)
    started = Artifact(chain("multimodal")).pali(Artifact(chain("tokenizer")).tokenizer())
    assert all(tensor.isfinite().all() for found in weights for tensor in found.values())
    alone, beside = (found["projector.linear.weight"] for found in weights)
    assert alone.shape == started.projector.linear.weight.shape and not torch.equal(alone, beside)


def test_answers_too_come_from_images(chain: Any) -> None:
    folder = chain.make(uncached(chain, "evaluate", benchmark="vqav2", after="multimodal"))
    kept = chain("evaluate", benchmark="vqav2", after="multimodal")
    answers = [(path / "predictions.jsonl").read_text().splitlines() for path in (folder, kept)]
    assert len(answers[0]) == len(answers[1]) > 0


def test_calibration(chain: Any) -> None:
    cost = chain.calibrate("multimodal")
    assert cost.seconds > 0 and cost.tokens > 16


def test_the_order_of_the_mixture_changes_nothing(chain: Any, tmp_path: Path) -> None:
    """It is in no digest, and a file may be written in another order, as the one that ranks read."""
    step = chain.step("multimodal")
    turned = altered(step, {"mixture": dict(reversed(step.config.training.mixture.items()))})
    assert [*turned.config.training.mixture] != [*step.config.training.mixture] and turned.digest == step.digest
    parents = {role: chain.make(parent) for role, parent in step.parents.items()}
    run(turned, StageContext(tmp_path, parents, step.seed, lambda done, total, **numbers: None, threads=1))
    assert (tmp_path / "weights.safetensors").read_bytes() == (chain.make(step) / "weights.safetensors").read_bytes()
