"""The state of a training apart from files: its tensors by name, and everything else as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import lightning as L
from torch import Tensor
from torch.distributed.checkpoint.state_dict import get_state_dict

from pali3kit.training.optimizers import simple_optimizers


def training_tensors(
    trainer: L.Trainer, known: dict[str, dict[str, Any]] | None = None
) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Any]]]:
    """The tensors of model and optimizer by name, not copied, and other values of the optimizer's state by parameter.

    Tied parameters appear once. To be filled from a checkpoint, the state of an optimizer without one is created; that
    of parameters that are not in `known`, which had no gradient so far, is removed, the other values are set.
    """
    module, optimizers = trainer.lightning_module, simple_optimizers(trainer.optimizers[0])
    weights, optimizer_state = get_state_dict(module, optimizers)
    state = cast(dict[str, Tensor], weights)
    by_parameter = cast(dict[str, dict[str, Any]], optimizer_state["state"])
    every = dict(module.named_parameters(remove_duplicate=False))
    names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    model = {name: state[name] for name in [*names, *(name for name in state if name not in every)]}
    moments: dict[str, Tensor] = {}
    values: dict[str, dict[str, Any]] = {}
    for name, entries in by_parameter.items():
        if known is not None and name not in known:
            for optimizer in optimizers:
                optimizer.state.pop(every[name], None)
            continue
        if known is not None:
            entries.update(known[name])
        moments |= {f"{name}.{key}": value for key, value in entries.items() if isinstance(value, Tensor)}
        values[name] = {key: value for key, value in entries.items() if not isinstance(value, Tensor)}
    return {"model": model, "optimizer": moments}, values


def plain_state(trainer: L.Trainer) -> dict[str, Any]:
    """What a checkpoint needs of the optimizers' groups, the schedule and all callbacks."""
    optimizers = simple_optimizers(trainer.optimizers[0])
    return {
        "groups": [list(map(_numbers, optimizer.param_groups)) for optimizer in optimizers],
        "schedule": trainer.lr_scheduler_configs[0].scheduler.state_dict(),
        "callbacks": {call.state_key: content for call in _callbacks(trainer) if (content := call.state_dict())},
    }


def set_plain_state(trainer: L.Trainer, saved: dict[str, Any], step: int, microbatches: int) -> None:
    """Restore what `plain_state` returned, and set Lightning's loops to the end of a step."""
    for optimizer, groups in zip(simple_optimizers(trainer.optimizers[0]), saved["groups"], strict=True):
        for group, values in zip(optimizer.param_groups, groups, strict=True):
            group.update(values)
    trainer.lr_scheduler_configs[0].scheduler.load_state_dict(saved["schedule"])
    for callback in _callbacks(trainer):
        if callback.state_key in saved["callbacks"]:
            callback.load_state_dict(saved["callbacks"][callback.state_key])
    trainer.fit_loop.load_state_dict(_progress(step, microbatches))


def _numbers(group: dict[str, Any]) -> dict[str, float]:
    """Those of a parameter group; its other entries are options, which do not change."""
    return {key: value for key, value in group.items() if isinstance(value, int | float)}


def _callbacks(trainer: L.Trainer) -> Sequence[L.Callback]:
    callbacks: Sequence[L.Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks


def _progress(step: int, microbatches: int) -> dict[str, Any]:
    """The state of Lightning's loops at the end of the last microbatch of a step."""
    batches = step * microbatches

    def twice(**numbers: int) -> dict[str, dict[str, int]]:
        return {"total": numbers, "current": numbers}

    batch = twice(ready=batches, started=batches, processed=batches, completed=batches - 1)
    steps = twice(ready=step, completed=step)
    optimizer = {"step": steps, "zero_grad": twice(ready=step, started=step, completed=step)}
    return {
        "epoch_progress": twice(ready=1, started=1, processed=0, completed=0),
        "epoch_loop.state_dict": {"_batches_that_stepped": step - 1},
        "epoch_loop.batch_progress": batch | {"is_last_batch": False},
        "epoch_loop.scheduler_progress": steps,
        "epoch_loop.automatic_optimization.optim_progress": {"optimizer": optimizer},
    }
