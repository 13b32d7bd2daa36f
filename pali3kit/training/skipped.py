"""Samples that cannot be used: counted, listed, and past a share of all a reason to stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback

from pali3kit.errors import DataError
from pali3kit.training.context import StageContext

FEWEST = 1000  # samples of which the share is taken at the beginning: one bad one among the first ten is not 10%


class Skipped(Callback):
    """Lists what batches say they `skipped` in `skipped.txt`, one line each, in the order in which it was met.

    Args:
        context: the stage; further ranks write `skipped-RANK.txt`.
        most: the share of samples that may be bad.
        damages: what is wrong with whole files, listed first; it counts as nothing.
    """

    def __init__(self, context: StageContext, most: float, damages: Sequence[str] = ()) -> None:
        rank = context.execution.rank
        self.file = context.folder / (f"skipped-{rank}.txt" if rank else "skipped.txt")
        self.most, self.damages = most, damages
        self.seen = 0
        self.lines: list[str] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Begin the list anew: a run that continues has its lines from the checkpoint."""
        if self.damages or self.lines:
            self.file.write_text("".join(f"{line}\n" for line in [*self.damages, *self.lines]))

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: dict[str, Any], batch_idx: int
    ) -> None:
        self.seen += len(batch["images"])
        if not (skipped := batch.get("skipped", [])):
            return
        self.lines += skipped
        with self.file.open("a") as file:
            file.writelines(f"{line}\n" for line in skipped)
        if len(self.lines) > self.most * max(self.seen, FEWEST):
            raise DataError(
                f"{len(self.lines)} bad samples beside {self.seen} good ones are more than most_bad {self.most:g}"
                f" allows; the last: {self.lines[-1]}; all are listed in {self.file}"
            )

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen, "lines": self.lines}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.seen, self.lines = state_dict["seen"], list(state_dict["lines"])
