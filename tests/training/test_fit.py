"""The training loop: deterministic, exactly resumable, stopped by a NaN."""

from __future__ import annotations

import csv
import errno
import multiprocessing
import os
import shutil
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_training import BUDGET, batch, module
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter

from pali3kit.config.component import Optimizer
from pali3kit.config.stages import Training
from pali3kit.errors import StageError
from pali3kit.training import fit as loop
from pali3kit.training import modules
from pali3kit.training.checkpoints import TrainingCheckpoints
from pali3kit.training.context import CHECKPOINTS, Execution, StageContext
from pali3kit.training.modules import Batch, ClassifierModule
from pali3kit.training.optimizers import module_options


def context(folder: Path) -> StageContext:
    """Every step is checkpointed."""
    folder.mkdir(exist_ok=True)
    execution = Execution(checkpoint_seconds=0.0)
    return StageContext(folder, {}, 0, report=lambda done, total, **numbers: None, threads=1, execution=execution)


def newest(folder: Path) -> int:
    return max(int(path.name.removeprefix("step-")) for path in (folder / CHECKPOINTS).glob("step-*"))


def equal(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    tensors = other.state_dict()
    return all(torch.equal(tensor, tensors[name]) for name, tensor in one.state_dict().items())


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
    assert newest(tmp_path / "cut") > 0
    seen: list[int] = []

    def noting(step: int) -> Batch:
        seen.append(step)
        return batch(step)

    resumed = module(dropout)
    loop.fit(resumed, noting, BUDGET, context(tmp_path / "cut"))
    assert seen[0] > 0 and seen[-1] == 9
    assert equal(whole, resumed)
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
    assert equal(whole, again)


def spoil(file: Path, how: str) -> None:
    data = file.read_bytes()
    middle = len(data) // 2
    spoilt = {
        "empty": b"",
        "cut": data[:-1],
        "zeros": bytes(len(data)),
        "flipped": data[:middle] + bytes([data[middle] ^ 16]) + data[middle + 1 :],
    }
    if how == "absent":
        file.unlink()
    else:
        file.write_bytes(spoilt[how])


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ClassifierModule]:
    """The folder of a training of ten steps, with its last two checkpoints, and what it trained."""
    folder, whole = tmp_path_factory.mktemp("finished") / "a", module()
    loop.fit(whole, batch, BUDGET, context(folder))
    return folder, whole


@pytest.mark.parametrize(
    ("name", "how", "told"),
    [
        ("shard-*.safetensors", "flipped", "the sha256 of shard-00001-model-00001-of-00001.safetensors is wrong"),
        ("shard-*.safetensors", "cut", "bytes instead of"),
        ("shard-*.safetensors", "absent", "shard-00001-model-00001-of-00001.safetensors cannot be read"),
        ("state.json", "flipped", "the sha256 of state.json is wrong"),
        ("state.json", "zeros", "the sha256 of state.json is wrong"),
        ("manifest.json", "flipped", "manifest.json"),
        ("manifest.json", "empty", "manifest.json cannot be read"),
        ("manifest.json", "absent", "manifest.json cannot be read"),
    ],
)
def test_a_damaged_checkpoint_is_told_and_the_one_before_is_used(
    name: str, how: str, told: str, finished: tuple[Path, ClassifierModule], tmp_path: Path
) -> None:
    folder, whole = shutil.copytree(finished[0], tmp_path / "a"), finished[1]
    assert sorted(path.name for path in (folder / CHECKPOINTS).iterdir()) == ["step-10", "step-9"]
    (file,) = (folder / CHECKPOINTS / "step-10").glob(name)
    spoil(file, how)
    said, steps, again = list[str](), list[int](), module()

    def noting(step: int) -> Batch:
        steps.append(step)
        return batch(step)

    loop.fit(again, noting, BUDGET, replace(context(folder), say=said.append))
    assert steps == [9] and said[0].startswith(f"its checkpoint {file.parent} is damaged: ") and told in said[0]
    assert said[1:] == ["continues from its checkpoint of step 9"]
    assert equal(whole, again)
    assert TrainingCheckpoints(context(folder)).find() == 10  # in the place of the damaged one


def test_where_all_are_damaged_training_starts_again(finished: tuple[Path, ClassifierModule], tmp_path: Path) -> None:
    folder, whole = shutil.copytree(finished[0], tmp_path / "a"), finished[1]
    for file in folder.glob("checkpoint/*/state.json"):
        spoil(file, "flipped")
    said, steps, again = list[str](), list[int](), module()

    def noting(step: int) -> Batch:
        steps.append(step)
        return batch(step)

    loop.fit(again, noting, BUDGET, replace(context(folder), say=said.append))
    assert steps == list(range(10)) and equal(whole, again)
    assert len(said) == 3 and said[2] == "starts again, since no checkpoint is whole"


def test_a_checkpoint_of_another_model_is_refused(finished: tuple[Path, ClassifierModule], tmp_path: Path) -> None:
    folder = shutil.copytree(finished[0], tmp_path / "a")
    other = module()
    other.model.head = torch.nn.Linear(16, 5)
    with pytest.raises(StageError, match="step-10 does not fit the model, delete it"):
        loop.fit(other, batch, BUDGET, context(folder))


def test_what_a_killed_process_was_writing_is_removed(finished: tuple[Path, ClassifierModule], tmp_path: Path) -> None:
    folder = shutil.copytree(finished[0], tmp_path / "a")
    partial = shutil.copytree(folder / CHECKPOINTS / "step-10", folder / CHECKPOINTS / "step-11.partial")
    assert TrainingCheckpoints(context(folder)).find() == 10 and not partial.exists()


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = os.fsync, list[int]()

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 16:  # eight per checkpoint
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        loop.fit(module(), batch, BUDGET, context(tmp_path))
    monkeypatch.undo()
    assert sorted(path.name for path in (tmp_path / CHECKPOINTS).iterdir()) == ["step-1", "step-2"]
    assert TrainingCheckpoints(context(tmp_path)).find() == 2


def test_training_goes_on_while_a_checkpoint_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written is the state of its step, although later steps have changed the weights meanwhile."""
    real, reached = HuggingFaceStorageWriter.write_data, threading.Event()

    def slow(*args: Any) -> Any:
        assert reached.wait(60)
        return real(*args)

    def until_eight(step: int) -> Batch:
        if step == 8:
            reached.set()
            raise KeyboardInterrupt
        return batch(step)

    whole, again, often = module(), module(), Execution(checkpoint_seconds=1e-9)
    loop.fit(whole, batch, BUDGET, context(tmp_path / "whole"))
    monkeypatch.setattr(HuggingFaceStorageWriter, "write_data", slow)
    with pytest.raises(KeyboardInterrupt):
        _reraise(lambda: loop.fit(module(), until_eight, BUDGET, replace(context(tmp_path / "cut"), execution=often)))
    assert TrainingCheckpoints(context(tmp_path / "cut")).find() == 1
    loop.fit(again, batch, BUDGET, context(tmp_path / "cut"))
    assert equal(whole, again)


@pytest.mark.parametrize("name", ["adamw", "adafactor"])
def test_the_state_of_other_optimizers_is_restored(name: str, tmp_path: Path) -> None:
    """Adafactor keeps factored moments and a momentum in bf16. A frozen parameter is not saved, a buffer is."""
    budget = replace(BUDGET, optimizer=Optimizer(name=name, learning_rate=1e-2))

    def made(probe: float = 0.0) -> ClassifierModule:
        built = module(0.1, budget.optimizer, ["vision.embed.*"])
        built.model.register_buffer("count", torch.full((2,), probe))
        return built

    def until_six(step: int) -> Batch:
        if step == 6:
            raise KeyboardInterrupt
        return batch(step)

    whole, again = made(), made(probe=1.0)
    loop.fit(whole, batch, budget, context(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        _reraise(lambda: loop.fit(made(), until_six, budget, context(tmp_path / "cut")))
    (file,) = (tmp_path / "cut").glob(f"checkpoint/step-{newest(tmp_path / 'cut')}/*.safetensors")
    saved = load_file(file)
    assert not any("vision.embed" in key for key in saved) and "model.model.count" in saved
    loop.fit(again, batch, budget, context(tmp_path / "cut"))
    assert equal(whole, again)


class _Counting(torch.optim.SGD):
    """An optimizer of a plug-in that counts its steps in Python."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            group["taken"] = group.get("taken", 0) + 1
            for parameter in group["params"]:
                if parameter.grad is not None:
                    count = self.state[parameter]["count"] = self.state[parameter].get("count", 0) + 1
                    parameter.data += 1e-3 * (count + group["taken"])
        return loss


def test_numbers_that_are_no_tensors_are_restored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(model: torch.nn.Module, options: Optimizer) -> torch.optim.Optimizer:
        return _Counting(model.parameters(), lr=1e-3)

    def until_six(step: int) -> Batch:
        if step == 6:
            raise KeyboardInterrupt
        return batch(step)

    monkeypatch.setattr(modules, "build_optimizer", build)
    whole, again = module(), module()
    loop.fit(whole, batch, BUDGET, context(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        _reraise(lambda: loop.fit(module(), until_six, BUDGET, context(tmp_path / "cut")))
    loop.fit(again, batch, BUDGET, context(tmp_path / "cut"))
    assert equal(whole, again)


def test_a_parameter_without_gradient_so_far_has_no_state(tmp_path: Path) -> None:
    """As the projector of a mixture whose first batches are text alone."""
    budget = replace(BUDGET, optimizer=Optimizer(name="adamw", learning_rate=1e-2))

    class Late(ClassifierModule):
        def losses(self, batch: Batch) -> dict[str, torch.Tensor]:
            numbers = super().losses(batch)
            return numbers | {"loss": numbers["loss"] + self.model.late.sum()} if "late" in batch else numbers

    def made() -> Late:
        torch.manual_seed(0)
        built = Late(module().model, **module_options(budget.optimizer))
        built.model.late = torch.nn.Parameter(torch.ones(3))
        return built

    def some(step: int) -> Batch:
        return batch(step) | ({"late": torch.ones(1)} if step > 6 else {})

    def until_six(step: int) -> Batch:
        if step == 6:
            raise KeyboardInterrupt
        return some(step)

    whole, again = made(), made()
    loop.fit(whole, some, budget, context(tmp_path / "whole"))
    with pytest.raises(KeyboardInterrupt):
        _reraise(lambda: loop.fit(made(), until_six, budget, context(tmp_path / "cut")))
    loop.fit(again, some, budget, context(tmp_path / "cut"))
    assert equal(whole, again)


@pytest.mark.parametrize(("number", "loaders"), [(signal.SIGTERM, 2), (signal.SIGUSR1, 0)])
def test_a_signal_ends_a_training_with_a_checkpoint_of_its_step(
    number: signal.Signals, loaders: int, tmp_path: Path
) -> None:
    """With two microbatches per step and no checkpoint due; worker processes get the signal too. It continues with
    another number of microbatches.
    """

    def make(step: int) -> list[Batch]:
        return [batch(2 * step), batch(2 * step + 1)]

    def joined(step: int) -> Batch:
        return {key: torch.cat([part[key] for part in make(step)]) for key in ("images", "labels")}

    def report(done: int, total: int, **numbers: float) -> None:
        if done == 4:
            for process in [*multiprocessing.active_children(), multiprocessing.current_process()]:
                os.kill(process.pid or 0, number)

    whole, cut = module(), module()
    loop.fit(whole, make, BUDGET, context(tmp_path / "whole"), microbatches=2)
    stopped = replace(
        context(tmp_path / "cut"), report=report, execution=Execution(num_workers=loaders, checkpoint_seconds=1e9)
    )
    before = signal.getsignal(number)
    with pytest.raises(SystemExit) as ended:
        loop.fit(cut, make, BUDGET, stopped, microbatches=2)
    assert ended.value.code == 143 and signal.getsignal(number) == before
    assert newest(tmp_path / "cut") == 4
    other = shutil.copytree(tmp_path / "cut", tmp_path / "other")
    again, alike = module(), module()
    loop.fit(again, make, BUDGET, context(tmp_path / "cut"), microbatches=2)
    assert equal(whole, again)
    assert (tmp_path / "whole" / "curve.csv").read_bytes() == (tmp_path / "cut" / "curve.csv").read_bytes()
    loop.fit(alike, joined, BUDGET, context(other))
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(alike.state_dict()[name], tensor, atol=2e-3, rtol=0, msg=name)
    assert len((other / "curve.csv").read_text().splitlines()) == 11


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
