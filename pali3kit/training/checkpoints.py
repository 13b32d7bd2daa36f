"""A training's checkpoint in the folder of its stage: whole, or told to be damaged and not used."""

from __future__ import annotations

import zipfile
from contextlib import nullcontext
from pathlib import Path

import lightning as L
import torch

from pali3kit.durable import publish_file, removed_on_failure
from pali3kit.errors import StageError, first_line
from pali3kit.training.context import Execution, StageContext

CHECKPOINT, PARTIAL = "last.ckpt", "partial.ckpt"


def damage(checkpoint: Path) -> str | None:
    """Say what is wrong with a checkpoint, or None. It is a zip archive, whose parts carry check sums."""
    try:
        if not checkpoint.stat().st_size:
            return "it is empty"
        with zipfile.ZipFile(checkpoint) as archive:
            part = archive.testzip()
    except Exception as error:  # whatever reading damaged bytes may raise
        return f"it cannot be read: {error}"
    return None if part is None else f"the check sum of its part {part} is wrong"


def save(trainer: L.Trainer, context: StageContext) -> None:
    """Write a checkpoint that is either whole or absent: a disk that is full gets its room back."""
    partial = context.folder / PARTIAL
    with removed_on_failure(partial) if context.writes else nullcontext():
        trainer.save_checkpoint(partial)
        if context.writes:
            publish_file(partial, context.folder / CHECKPOINT)


def steps_done(checkpoint: Path, context: StageContext) -> int:
    """Steps of a checkpoint, 0 without one that can be used.

    Raises StageError when its moments are laid out for another strategy.
    """
    if not checkpoint.exists():
        return 0
    known = _read(checkpoint)
    if isinstance(known, str):
        context.say(f"begins anew, since its checkpoint {checkpoint} is damaged: {known}")
        return 0
    steps, shards = known
    if shards != sharded(context.execution):
        begun = "fsdp" if shards else "ddp or one process"
        raise StageError(f"this stage was begun with {begun}: continue it so, or delete {checkpoint} to begin anew")
    context.say("continues from its checkpoint")
    return steps


def _read(checkpoint: Path) -> tuple[int, bool] | str:
    """Steps of a checkpoint and whether its moments are sharded, or what is wrong with it."""
    if wrong := damage(checkpoint):
        return wrong
    try:
        known = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
        return int(known["global_step"]), bool(known["callbacks"]["Recorder"]["sharded"])
    except Exception as error:  # an archive, but none that a training left: whatever torch says of it
        return first_line(error)


def sharded(execution: Execution) -> bool:
    """Whether each rank has a part of the weights and moments."""
    return execution.ranks > 1 and execution.strategy == "fsdp"
