"""Ranks of a stage while rank 0 publishes its artifact."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch.distributed as dist
from fakes import Loose

from pali3kit.catalogue import STAGE
from pali3kit.execution.make import make_stage
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.training.context import Execution, StageContext

STEP = Step("mask_tokenizer", "mask_tokenizer", Loose({}), 5)
PATIENCE = timedelta(seconds=10)  # of the default group


def run(config: object, context: StageContext) -> None:
    """A stage whose rank 0 writes a file."""
    if context.writes:
        (context.folder / "weights.safetensors").write_text("w")


def test_what_another_node_left_unfinished_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, origin = STAGE.found["mask_tokenizer"]
    monkeypatch.setitem(STAGE.found, "mask_tokenizer", (replace(kind, module=__name__), origin))
    store = Store(tmp_path)
    store.work(STEP).mkdir(parents=True)
    (store.work(STEP) / "tokenizer.model.another.7.partial").touch()
    make_stage(STEP, store, 1, Execution(), lambda message: None)
    assert store.done(STEP) and not list(store.path(STEP).glob("*.partial"))


class SlowStore(Store):
    """It takes longer to publish than the default group waits, or has no space."""

    def publish(self, *arguments: Any) -> Path:
        if self.root.name == "full":
            raise OSError("no space")
        time.sleep(1.5 * PATIENCE.total_seconds())
        return super().publish(*arguments)


def run_rank(rank: int, folder: Path) -> None:
    """One of two ranks: it makes a stage in a slow store, and one in a full store."""
    dist.init_process_group("gloo", f"file://{folder}/meeting", PATIENCE, rank=rank, world_size=2)
    kind, origin = STAGE.found["mask_tokenizer"]
    STAGE.found["mask_tokenizer"] = replace(kind, module=__name__, distributed=True), origin
    for name in ("slow", "full"):
        try:
            execution = Execution(devices=2, rank=rank)
            told = str(make_stage(STEP, SlowStore(folder / name), 1, execution, lambda message: None))
        except Exception as error:
            told = repr(error)
        (folder / f"{name}{rank}.txt").write_text(told)
    dist.destroy_process_group()


@pytest.mark.slow
def test_ranks_wait_for_as_long_as_rank_0_publishes(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    ranks = [spawn.Process(target=run_rank, args=(rank, tmp_path)) for rank in range(2)]
    for each in ranks:
        each.start()
    for each in ranks:
        each.join()
    slow, full = ([(tmp_path / f"{name}{rank}.txt").read_text() for rank in range(2)] for name in ("slow", "full"))
    assert [each.partition("(")[0] for each in slow] == ["Finished"] * 2
    assert Store(tmp_path / "slow").done(STEP)
    assert full == ["OSError('no space')", "StageError('rank 0: OSError: no space')"]
