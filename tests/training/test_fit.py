"""The training loop: deterministic, exactly resumable, stopped by a NaN."""

from __future__ import annotations

import csv
import errno
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pali3kit.config.component import Optimizer
from pali3kit.config.stages import Training
from pali3kit.errors import StageError
from pali3kit.models.classifier import Classifier
from pali3kit.training import fit as loop
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.modules import Batch, ClassifierModule
from pali3kit.vision.vit import ViT

BUDGET = Training(examples=80, batch_size=8, optimizer=Optimizer(name="muon", learning_rate=1e-2))


def module(dropout: float = 0.0) -> ClassifierModule:
    torch.manual_seed(0)
    made = ClassifierModule(Classifier(ViT(16, width=16, depth=1, heads=2, mlp=32, patch=8), classes=4, head_bias=-2))
    made.model.vision.head = torch.nn.Sequential(made.model.vision.head, torch.nn.Dropout(dropout))
    return made


def batch(step: int) -> Batch:
    rng = torch.Generator().manual_seed(step)
    labels = torch.nn.functional.one_hot(torch.randint(4, (8,), generator=rng), 4).float()
    brightness = labels.argmax(1)[:, None, None, None]
    return {"images": torch.randn(8, 3, 16, 16, generator=rng) + brightness, "labels": labels}


def context(folder: Path) -> StageContext:
    """Every step is checkpointed."""
    folder.mkdir(exist_ok=True)
    execution = Execution(checkpoint_seconds=0.0)
    return StageContext(folder, {}, 0, report=lambda done, total, **numbers: None, threads=1, execution=execution)


def test_it_learns_and_leaves_a_curve(tmp_path: Path) -> None:
    loop.fit(module(), batch, BUDGET, context(tmp_path / "a"))
    rows = list(csv.DictReader((tmp_path / "a" / "curve.csv").open()))
    assert [int(row["step"]) for row in rows] == list(range(1, 11))
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_an_interrupted_run_ends_with_the_same_weights_and_curve(dropout: float, tmp_path: Path) -> None:
    whole = module(dropout)
    loop.fit(whole, batch, BUDGET, context(tmp_path / "whole"))

    def until_six(step: int) -> Batch:
        if step == 6:
            raise KeyboardInterrupt
        return batch(step)

    with pytest.raises(KeyboardInterrupt):
        _reraise(lambda: loop.fit(module(dropout), until_six, BUDGET, context(tmp_path / "cut")))
    assert (tmp_path / "cut" / "last.ckpt").exists()
    seen: list[int] = []

    def noting(step: int) -> Batch:
        seen.append(step)
        return batch(step)

    resumed = module(dropout)
    loop.fit(resumed, noting, BUDGET, context(tmp_path / "cut"))
    assert seen[0] > 0 and seen[-1] == 9
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert (tmp_path / "cut" / "curve.csv").read_text() == (tmp_path / "whole" / "curve.csv").read_text()


def test_a_finished_but_unpublished_training_ends_at_once(tmp_path: Path) -> None:
    """A process may be killed while it writes the trained weights."""
    often = replace(context(tmp_path / "a"), execution=Execution(checkpoint_seconds=0.0))
    whole, again, steps = module(0.1), module(0.1), list[int]()
    loop.fit(whole, batch, BUDGET, often)
    curve = (tmp_path / "a" / "curve.csv").read_bytes()

    def noting(step: int) -> Batch:
        steps.append(step)
        return batch(step)

    loop.fit(again, noting, BUDGET, often)
    assert not steps and (tmp_path / "a" / "curve.csv").read_bytes() == curve
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def flipped(data: bytes) -> bytes:
    """Flip a bit in the middle, in a weight or in the optimizer's state."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: b"",
        lambda data: data[:1000],
        lambda data: data[:-1],
        lambda data: bytes(len(data)),
        lambda data: b"no archive",
        flipped,
    ],
)
def test_a_damaged_checkpoint_is_reported_and_training_starts_again(
    spoil: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    said, steps = list[str](), list[int]()
    often = replace(context(tmp_path / "a"), say=said.append)
    whole, again = module(), module()
    loop.fit(whole, batch, BUDGET, often)
    checkpoint = tmp_path / "a" / "last.ckpt"
    checkpoint.write_bytes(spoil(checkpoint.read_bytes()))

    def noting(step: int) -> Batch:
        steps.append(step)
        return batch(step)

    loop.fit(again, noting, BUDGET, often)
    assert steps == list(range(10)) and len(said) == 1
    assert said[0].startswith(f"starts again, since its checkpoint {checkpoint} is damaged: ")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    loop.fit(module(), batch, BUDGET, often)
    assert said[1:] == ["continues from its checkpoint"]


def test_another_archive_is_a_damaged_checkpoint(tmp_path: Path) -> None:
    said = list[str]()
    torch.save({"weights": torch.zeros(3)}, tmp_path / "last.ckpt")
    loop.fit(module(), batch, BUDGET, replace(context(tmp_path), say=said.append))
    assert "is damaged" in said[0]


def test_a_failed_checkpoint_frees_its_disk_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The previous checkpoint is kept, and continued from."""
    real, calls = os.fsync, list[int]()

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 4:  # two per checkpoint: the file and its folder
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        loop.fit(module(), batch, BUDGET, context(tmp_path))
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 2


@pytest.mark.parametrize("loaders", [0, 2])
def test_sigterm_ends_a_training_with_a_checkpoint_of_its_step(loaders: int, tmp_path: Path) -> None:
    """With two microbatches per step and no checkpoint due; worker processes get the signal too."""

    def make(step: int) -> list[Batch]:
        return [batch(2 * step), batch(2 * step + 1)]

    def report(done: int, total: int, **numbers: float) -> None:
        if done == 4:
            for process in [*multiprocessing.active_children(), multiprocessing.current_process()]:
                os.kill(process.pid or 0, signal.SIGTERM)

    whole, cut = module(), module()
    loop.fit(whole, make, BUDGET, context(tmp_path / "whole"), microbatches=2)
    stopped = replace(
        context(tmp_path / "cut"), report=report, execution=Execution(num_workers=loaders, checkpoint_seconds=1e9)
    )
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended:
        loop.fit(cut, make, BUDGET, stopped, microbatches=2)
    assert ended.value.code == 143 and signal.getsignal(signal.SIGTERM) == before
    assert torch.load(tmp_path / "cut" / "last.ckpt", weights_only=True)["global_step"] == 4
    again = module()
    loop.fit(again, make, BUDGET, context(tmp_path / "cut"), microbatches=2)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert (tmp_path / "whole" / "curve.csv").read_bytes() == (tmp_path / "cut" / "curve.csv").read_bytes()


def _reraise(call: object) -> None:
    """Lightning turns an interrupt into a SystemExit-like shutdown; either is one here."""
    try:
        call()  # type: ignore[operator]
    except BaseException as error:
        raise KeyboardInterrupt from error


def test_a_nan_stops_the_stage_and_says_where(tmp_path: Path) -> None:
    def poisoned(step: int) -> Batch:
        made = batch(step)
        if step == 3:
            made["images"][0] = float("nan")
        return made

    with pytest.raises(StageError, match="not finite at step 4"):
        loop.fit(module(), poisoned, BUDGET, context(tmp_path))


def test_steps_are_whole_batches() -> None:
    assert loop.count_steps(Training(examples=80, batch_size=8)) == 10
    assert loop.count_steps(Training(examples=5, batch_size=8)) == 1
