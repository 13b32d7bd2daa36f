"""Memory, FLOPs and time of a step on an accelerator."""

from __future__ import annotations

import pytest
from launching import EXPERIMENTS

from pali3kit.config.load import load
from pali3kit.config.runtime import Runtime
from pali3kit.execution.demand import device_bytes, device_seconds, ranks_of, total_flops
from pali3kit.execution.estimates import Estimate
from pali3kit.plan.graph import build
from pali3kit.training.context import MemoryProfile


@pytest.mark.parametrize(("label", "share"), [("vision classif", 100), ("features/train classif", 400)])
def test_only_a_model_that_trains_is_sharded(label, share):
    experiment = load(EXPERIMENTS / "ablate_classif.yaml", ["scale=smoke"])
    (step,) = [n for n in build(experiment).steps if n.label == label]
    estimate = Estimate(1.0, "", profile=MemoryProfile(0, state=400))
    assert device_bytes(step, estimate, Runtime(devices=4, strategy="fsdp")) == share


def test_shards_with_microbatches_keep_whole_gradients():
    """100 parameters: 4 bytes of a sum of gradients and 4 of gathered weights each, beside the shared state."""
    experiment = load(EXPERIMENTS / "ablate_classif.yaml", ["scale=smoke"])
    step = next(n for n in build(experiment).steps if n.kind == "multimodal")
    rows = step.config.training.batch_size // 2
    estimate = Estimate(1.0, "", profile=MemoryProfile(100, state=1600, activations=10, tokens=50))

    def needed(**keys):
        return device_bytes(step, estimate, Runtime(devices=2, **keys))

    assert needed(strategy="fsdp") == 800 + rows * 10
    assert needed(strategy="fsdp", max_tokens_per_microbatch=50) == 800 + 800 + 10
    assert needed(strategy="fsdp", max_tokens_per_microbatch=50 * rows) == 800 + rows * 10
    assert needed(strategy="ddp", max_tokens_per_microbatch=50) == 1600 + 10


def test_time_is_flops_over_what_the_accelerator_does():
    """989 TFLOP/s at half of that: an example of 1 TFLOP forward takes 3 with its backward pass, 4 recomputed."""
    experiment = load(EXPERIMENTS / "ablate_classif.yaml", ["scale=smoke"])
    steps = build(experiment).steps
    training, reading = (next(n for n in steps if n.kind == kind) for kind in ("multimodal", "features"))
    estimate = Estimate(None, "", profile=MemoryProfile(1, 4, flops=10**12))
    h100 = Runtime(hardware="h100", utilization=0.5, devices=8)
    assert total_flops(training, estimate) == 3 * 128e12 and total_flops(reading, estimate) == 64e12
    assert device_seconds(training, estimate, h100) == pytest.approx(3 * 128 / 989 * 2)
    again = Runtime(hardware="h100", utilization=0.5, gradient_checkpointing=True)
    assert device_seconds(training, estimate, again) == pytest.approx(4 * 128 / 989 * 2)
    assert device_seconds(reading, estimate, again) == pytest.approx(64 / 989 * 2)
    assert device_seconds(training, estimate, Runtime()) is None
    assert device_seconds(training, Estimate(None, ""), h100) is None
    tokenizer = next(n for n in steps if n.kind == "tokenizer")
    assert ranks_of(training, h100) == (1, 8) and ranks_of(tokenizer, h100) == (1, 1)
