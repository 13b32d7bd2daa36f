"""No weight is stored twice: neither within an artifact, nor again by the steps that continue from it."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from pathlib import Path

import torch
from safetensors.torch import load_file

from pali3kit.plan.step import Step
from tests.training.stages.conftest import Chain
from tests.training.stages.test_resolution import step as resolution_step

KINDS = ("vision", "lit", "finetune", "language", "mask_tokenizer", "multimodal", "transfer")


def stored(folder: Path) -> dict[str, str]:
    """Digests of all tensors of an artifact, but those that are constant, as untrained biases and norms are."""
    tensors = {f"{file.name}:{name}": x for file in folder.glob("*.safetensors") for name, x in load_file(file).items()}
    return {
        name: sha256(x.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
        for name, x in tensors.items()
        if x.numel() > 1 and not torch.equal(x, x.flatten()[:1].expand_as(x))
    }


def twice(folder: Path) -> list[str]:
    digests = stored(folder)
    counts = Counter(digests.values())
    return [name for name, digest in digests.items() if counts[digest] > 1]


def of_parents(chain: Chain, step: Step) -> list[str]:
    """The tensors of a step's artifact that one of its parents holds too."""
    parents = {digest for parent in step.parents.values() for digest in stored(chain.make(parent)).values()}
    return [name for name, digest in stored(chain.make(step)).items() if digest in parents]


def one_of_each(chain: Chain) -> list[Step]:
    """The first step of each kind; of `vision`, one of each arm."""
    arms = {(step.kind, step.plain.get("pretrain")): step for step in reversed(chain.steps) if step.kind in KINDS}
    return list(arms.values())


def test_no_artifact_holds_a_tensor_twice_or_again(chain: Chain, encoders: Chain) -> None:
    made = [(each, step) for each in (chain, encoders) for step in one_of_each(each)]
    assert {step.kind for _, step in made} == set(KINDS)
    for each, step in made:
        folder = each.make(step)
        assert stored(folder), step.label
        assert not twice(folder) and not of_parents(each, step), step.label


def test_stage_2_stores_a_whole_encoder_with_its_frozen_head(chain: Chain) -> None:
    """The head is two percent of a ViT-G/14; without it the encoder could not be read from its folder alone."""
    stage_2 = resolution_step(chain, 96)
    assert not twice(chain.make(stage_2))
    again = of_parents(chain, stage_2)
    assert all(name.startswith("vision.safetensors:head.") for name in again)
