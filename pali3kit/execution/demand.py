"""What a step asks of its devices: memory, FLOPs, and the time that an accelerator takes for them."""

from __future__ import annotations

from pali3kit.catalogue import STAGE
from pali3kit.config.hardware import ACCELERATORS
from pali3kit.config.memory import FP32
from pali3kit.config.runtime import Runtime
from pali3kit.execution.estimates import Estimate
from pali3kit.execution.workload import units
from pali3kit.plan.step import Step

TRAINING = 3  # times the FLOPs of a forward pass
_RECOMPUTED = 1  # forward pass more, with gradient checkpointing


def ranks_of(step: Step, runtime: Runtime) -> tuple[int, int]:
    """Nodes and devices of each that make a step; `runtime` is that of its kind."""
    return (runtime.nodes, runtime.devices) if STAGE.find(step.kind).distributed else (1, 1)


def device_bytes(step: Step, estimate: Estimate, runtime: Runtime) -> int | None:
    """The fp32 bytes of one device: its share of parameters, gradients and optimizer state, and the activations of one
    microbatch. `runtime` is that of the step's kind. None if unknown.

    With shards and several microbatches, a device also keeps all gathered matrices and its own sum of their gradients.
    """
    profile = estimate.profile
    if profile is None:
        return None
    kind, training = STAGE.find(step.kind), getattr(step.config, "training", None)
    ranks, shards = (runtime.world_size, runtime.shards) if kind.distributed else (1, 1)
    rows = fitting = training.batch_size // ranks if training is not None else 0
    if runtime.max_tokens_per_microbatch and kind.microbatched:
        fitting = min(rows, max(1, runtime.max_tokens_per_microbatch // max(1, profile.tokens)))
    state = profile.state // (shards if training is not None else 1)
    whole = 2 * FP32 * profile.parameters if shards > 1 and fitting < rows else 0
    return state + whole + fitting * (profile.recomputed if _recomputes(step, runtime) else profile.activations)


def total_flops(step: Step, estimate: Estimate) -> float:
    """The FLOPs of the whole stage; a training step takes three times those of a forward pass. 0 if unknown."""
    flops = estimate.profile.flops if estimate.profile else 0
    return float((TRAINING if "training" in step.plain else 1) * flops * units(step))


def device_seconds(step: Step, estimate: Estimate, runtime: Runtime) -> float | None:
    """The seconds that all devices of a step together take on `runtime.hardware`; None if its FLOPs are unknown.

    What gradient checkpointing computes again takes time too.
    """
    if runtime.hardware is None or not (flops := total_flops(step, estimate)):
        return None
    again = (TRAINING + _RECOMPUTED) / TRAINING if "training" in step.plain and _recomputes(step, runtime) else 1.0
    return again * flops / (ACCELERATORS[runtime.hardware].tflops * 1e12 * runtime.utilization)


def _recomputes(step: Step, runtime: Runtime) -> bool:
    return runtime.gradient_checkpointing and STAGE.find(step.kind).gradient_checkpointing
