"""Samples that cannot be used: counted, listed, and, past a share of all, a reason to stop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch.distributed as dist
from lightning.pytorch.callbacks import Callback

from pali3kit.data.records import FEWEST, FIRST, TooManyBad, too_many
from pali3kit.data.source import Source
from pali3kit.errors import Pali3Error
from pali3kit.training.context import StageContext

EXAMPLES = ("images", "prompts", "masks")  # tensors whose first axis is that of the batch's examples


class Skipped(Callback):
    """Lists the samples that batches report as `skipped` in `skipped.txt`, each once, in order of occurrence.

    Ranks share one list and one count, so that whether a run stops does not depend on their number.

    Args:
        context: of the stage.
        most: the share of samples that may be bad.
        source: whose `damages` are listed first, and at the end those that were found meanwhile; they are not counted.
    """

    def __init__(self, context: StageContext, most: float, source: Source | None = None) -> None:
        self.context, self.most, self.source = context, most, source
        # Asked now, when no loader process has been forked: tars are read for it, and not again by each of these.
        self.damages = self._damages()
        self.file = context.folder / "skipped.txt"
        self.seen = self.bad = 0
        self.lines: dict[str, None] = {}

    def _damages(self) -> list[str]:
        return [] if self.source is None else list(self.source.damages)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the list again; a resumed run has its lines from the checkpoint."""
        if self.context.writes:
            self.file.unlink(missing_ok=True)
            append(self.file, [*self.damages, *self.lines])

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: dict[str, Any], batch_idx: int
    ) -> None:
        if isinstance(batch, Pali3Error):
            return  # the recorder raises it
        skipped = self._gathered(trainer, batch.get("skipped", []))
        examples = next(batch[name] for name in EXAMPLES if name in batch)
        self.seen += len(examples) * self.context.execution.world_size
        self.bad += len(skipped)
        new = list(dict.fromkeys(line for line in skipped if line not in self.lines))
        self.lines |= dict.fromkeys(new)
        if self.context.writes:
            append(self.file, new)
        self._judge(max(self.seen + self.bad, FEWEST))

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Raise TooManyBad where too many of all samples were bad. A single one is always allowed."""
        if self.context.writes:
            append(self.file, [damage for damage in self._damages() if damage not in self.damages])
        if len(self.lines) > 1 or not self.most:
            self._judge(self.seen + self.bad)

    def _judge(self, of: int) -> None:
        if too_many(self.bad, of, self.most):
            raise TooManyBad(
                f"{self.bad} bad samples beside {self.seen} good ones are more than max_bad_fraction {self.most:g} "
                f"allows; the"
                f" first: {'; '.join(list(self.lines)[:FIRST])}; all are listed in {self.file}"
            )

    def _gathered(self, trainer: L.Trainer, skipped: list[str]) -> list[str]:
        """The messages of all ranks in this step."""
        if self.context.execution.world_size == 1 or not trainer.strategy.reduce_boolean_decision(
            bool(skipped), all=False
        ):
            return skipped
        everyones: list[list[str]] = [[] for _ in range(self.context.execution.world_size)]
        dist.all_gather_object(everyones, skipped)
        return [line for one in everyones for line in one]

    def state_dict(self) -> dict[str, object]:
        return {"seen": self.seen, "bad": self.bad, "lines": list(self.lines)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seen, self.bad, self.lines = state_dict["seen"], state_dict["bad"], dict.fromkeys(state_dict["lines"])


def append(file: Path, lines: Sequence[str]) -> None:
    """Append lines to a file; without any it is not created."""
    if lines:
        with file.open("a", encoding="utf-8", errors="backslashreplace") as opened:
            opened.writelines(f"{line}\n" for line in lines)
