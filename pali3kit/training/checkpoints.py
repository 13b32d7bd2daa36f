"""The checkpoint of a training: written atomically, and checked for damage before it is used."""

from __future__ import annotations

import zipfile
from contextlib import nullcontext
from pathlib import Path

import lightning as L
import torch

from pali3kit.durable import publish_file, removed_on_failure
from pali3kit.errors import StageError, first_line
from pali3kit.training.context import StageContext

CHECKPOINT, PARTIAL = "last.ckpt", "partial.ckpt"


def _damage(checkpoint: Path) -> str | None:
    """Describe the damage of a checkpoint, a zip archive with checksums; None if it is intact."""
    try:
        if not checkpoint.stat().st_size:
            return "it is empty"
        with zipfile.ZipFile(checkpoint) as archive:
            member = archive.testzip()
    except Exception as error:  # whatever reading damaged bytes may raise
        return f"it cannot be read: {error}"
    return None if member is None else f"the checksum of its part {member} is wrong"


def save_checkpoint(trainer: L.Trainer, context: StageContext) -> None:
    """Write a checkpoint atomically; after a failure the partial file is removed, to free a full disk."""
    partial = context.folder / PARTIAL
    with removed_on_failure(partial) if context.writes else nullcontext():
        trainer.save_checkpoint(partial)
        if context.writes:
            publish_file(partial, context.folder / CHECKPOINT)


def completed_steps(checkpoint: Path, context: StageContext) -> int:
    """Steps of a checkpoint, 0 if there is none or if it is damaged.

    Raises StageError if it was written with another strategy.
    """
    if not checkpoint.exists():
        return 0
    content = _read(checkpoint)
    if isinstance(content, str):
        context.say(f"starts again, since its checkpoint {checkpoint} is damaged: {content}")
        return 0
    steps, shards = content
    if shards != context.execution.sharded:
        before = "fsdp" if shards else "ddp or one process"
        raise StageError(f"this stage was started with {before}: continue so, or delete {checkpoint} to start again")
    context.say("continues from its checkpoint")
    return steps


def _read(checkpoint: Path) -> tuple[int, bool] | str:
    """Steps of a checkpoint and whether its optimizer state is sharded, or a description of its damage."""
    if found := _damage(checkpoint):
        return found
    try:
        content = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
        return int(content["global_step"]), bool(content["callbacks"]["Recorder"]["sharded"])
    except Exception as error:  # an archive, but not a checkpoint: torch may raise anything
        return first_line(error)
