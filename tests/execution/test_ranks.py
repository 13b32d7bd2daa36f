"""Distributed training: the same weights as in one process, the same errors, no orphans."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import signal
import tarfile
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
import pytest
from launching import EXPERIMENTS, alive, exact, last_message, make, planned, ranks, saved, wait_until, worker
from PIL import Image
from safetensors.torch import load_file
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from pali3kit.config.load import load
from pali3kit.config.saved import read_experiment, to_yaml
from pali3kit.execution.messages import Busy, Failed, Progress
from pali3kit.execution.ranks import _root_cause, run_ranks
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.training.context import CHECKPOINTS

WORDS = ["red", "green", "blue", "big", "small", "round", "cat", "dog", "egg", "sun", "car", "fish"]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> str:
    """40 images with a text each, in two shards."""
    folder, rng = tmp_path_factory.mktemp("shards"), np.random.default_rng(0)
    for number in range(2):
        with tarfile.open(folder / f"{number}.tar", "w") as tar:
            for i in range(20):
                file = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (40, 52, 3), np.uint8)).save(file, "png")
                add(tar, f"{i:03}.png", file.getvalue())
                add(tar, f"{i:03}.txt", " ".join(rng.choice(WORDS, 4)).encode())
                add(tar, f"{i:03}.cls", str(i % 5).encode())
    return str(folder / "{0..1}.tar")


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def steps(arm: str, path: str, *more: str) -> list[Step]:
    """The stages up to the encoder, on the shards; one pass and a half over the images."""
    overrides = [
        "scale=smoke", f"data.source={{name: pairs, path: '{path}', classes: 5}}", "tokenizer.vocabulary=500",
        "tokenizer.bins=32", "model.image_size=32", "stages.vision.examples=64", "stages.vision.batch_size=8",
        "stages.vision.optimizer={name: adamw, learning_rate: 1.0e-3}", *more,
    ]  # fmt: skip
    return [step for step in planned(f"pretrain_{arm}", *overrides) if step.kind in ("tokenizer", "vision")]


def losses(folder: Path) -> list[float]:
    with (folder / "curve.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def difference(one: Path, other: Path, file: str = "weights") -> float:
    first, second = (load_file(folder / f"{file}.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first if not name.endswith("key.bias"))


@pytest.fixture(scope="module")
def alone(shards: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("alone"), steps("siglip", shards), exact())


# Sums in another order change weights by at most 2e-6 after 8 steps of 1e-3, except the biases of keys: softmax does
# not depend on them, so their gradient is noise, which AdamW turns into steps of any size (up to 2e-4 here).
TOLERANCE = 1e-5


def test_two_ranks_train_what_one_does(shards: str, alone: Path, tmp_path: Path) -> None:
    spread = make(tmp_path, steps("siglip", shards), exact(devices=2))
    assert difference(alone, spread) < TOLERANCE and difference(alone, spread, "text_tower") < TOLERANCE
    assert not (spread / CHECKPOINTS).exists()
    for step, (one, two) in enumerate(zip(losses(alone), losses(spread), strict=True)):
        assert one == pytest.approx(two, abs=1e-4), step  # the loss is the whole batch's, not that of rank 0's part


def test_ranks_look_for_artifacts_on_this_machine_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they need from URLs was copied before the run began, which a server that is down by now does not end."""
    places = ["package", "memory://lab", str(tmp_path)]
    experiment = load(EXPERIMENTS / "pretrain_siglip.yaml", ["scale=smoke", f"runtime.read_from={places}"])
    step = next(step for step in build(experiment).steps if step.kind == "vision")
    store, seen = Store.of(experiment.runtime), []
    monkeypatch.setattr(
        "pali3kit.execution.ranks._launch", lambda runtime, folder, step: seen.append(read_experiment(folder).runtime)
    )
    run_ranks(step, store, 2, experiment.runtime, to_yaml(experiment), lambda message: None)
    assert [runtime.read_from for runtime in seen] == [["package", str(tmp_path)]]


def test_ranks_whose_lease_is_lost_wait_for_another_launch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load(EXPERIMENTS / "pretrain_siglip.yaml", ["scale=smoke"])
    step = next(step for step in build(experiment).steps if step.kind == "vision")

    def end(*arguments: object) -> None:
        raise ChildFailedError("step", {0: failure(75, 10), 1: failure(1, 11, "RuntimeError: connection closed")})

    monkeypatch.setattr("pali3kit.execution.ranks._launch", end)
    done = run_ranks(step, Store(tmp_path), 2, experiment.runtime, to_yaml(experiment), lambda message: None)
    assert done == Busy()


@pytest.mark.slow
@pytest.mark.parametrize("how", [{"strategy": "fsdp"}, {"contrastive_loss": "ring"}])
def test_shards_and_a_ring_train_what_a_whole_model_does(
    shards: str, alone: Path, tmp_path: Path, how: dict[str, str]
) -> None:
    spread = make(tmp_path, steps("siglip", shards), exact(devices=2, **how))
    assert difference(alone, spread) < TOLERANCE and difference(alone, spread, "text_tower") < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_classification_over_ranks(shards: str, tmp_path: Path, strategy: str) -> None:
    wanted = steps("classif", shards, "stages.vision.loss=softmax", "stages.vision.crop=0.3", "stages.vision.flip=true")
    one = make(tmp_path / "one", wanted, exact(num_workers=2))
    assert difference(one, make(tmp_path / "two", wanted, exact(devices=2, strategy=strategy))) < TOLERANCE


def test_the_rank_that_failed_is_named(shards: str, tmp_path: Path) -> None:
    """Bad images in the share of one rank stop all ranks."""
    broken = tmp_path / "0.tar"
    data = bytearray(Path(shards.replace("{0..1}", "0")).read_bytes())
    start = data.find(b"\x89PNG", len(data) // 2)
    data[start : start + 8] = bytes(8)
    broken.write_bytes(data)
    step = steps("classif", str(broken))[-1]
    process = worker(tmp_path / "store", step, exact(devices=2, max_bad_fraction=0.0))
    try:
        process.make(step)
        message = last_message(process)
    finally:
        process.stop()
    assert isinstance(message, Failed) and "bad samples beside" in message.reason, message


@pytest.mark.slow
def test_the_world_too_is_the_same_over_ranks(tmp_path: Path) -> None:
    """Its texts are drawn, in an order that ranks must share."""
    overrides = [
        "scale=smoke", "stages.vision.examples=64", "stages.vision.batch_size=8", "tokenizer.sentences=1500",
        "stages.vision.optimizer={name: adamw, learning_rate: 1.0e-3}",
    ]  # fmt: skip
    wanted = [step for step in planned("pretrain_siglip", *overrides) if step.kind in ("tokenizer", "vision")]
    one = make(tmp_path / "one", wanted, exact())
    assert difference(one, make(tmp_path / "two", wanted, exact(devices=2))) < TOLERANCE


@pytest.mark.slow
def test_a_rank_that_is_killed_before_they_have_met(shards: str, tmp_path: Path) -> None:
    step = steps("classif", shards)[-1]
    process = worker(tmp_path, step, exact(devices=2))
    try:
        process.make(step)
        wait_until(lambda: len(ranks(process.process.pid)) == 2)
        os.kill(max(ranks(process.process.pid)), signal.SIGKILL)
        message = last_message(process)
    finally:
        process.stop()
    assert isinstance(message, Failed) and re.fullmatch(r"rank \d was killed by SIGKILL", message.reason), message


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_killed_in_the_middle_of_a_pass_it_ends_with_the_same_weights(
    shards: str, tmp_path: Path, strategy: str
) -> None:
    """Every step writes a checkpoint; the worker is killed with its ranks."""
    wanted = steps("siglip", shards, "stages.vision.examples=400")
    execution = exact(devices=2, strategy=strategy, checkpoint_seconds=0.0)
    whole = make(tmp_path / "whole", wanted, execution)

    root = tmp_path / "cut"
    make(root, wanted[:1], execution)
    process = worker(root, wanted[1], execution)
    try:
        process.make(wanted[1])
        wait_until(lambda: saved(Store(root).work(wanted[1])))
        started = ranks(process.process.pid)
        os.kill(process.process.pid, signal.SIGKILL)
    finally:
        process.stop()
    assert len(started) == 2
    wait_until(lambda: not any(map(alive, started)), 60)

    assert difference(whole, make(root, wanted, execution)) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_ranks_that_are_stopped_end_with_a_checkpoint(shards: str, tmp_path: Path, strategy: str) -> None:
    """No checkpoint is due; the worker and its ranks get the signal together, as a process group does."""
    wanted = steps("siglip", shards, "stages.vision.examples=400")
    execution = exact(devices=2, strategy=strategy, checkpoint_seconds=1e9)
    whole = make(tmp_path / "whole", wanted, execution)
    root = tmp_path / "cut"
    make(root, wanted[:1], execution)
    process = worker(root, wanted[1], execution)
    try:
        process.make(wanted[1])
        assert wait([process.connection], timeout=300)
        assert isinstance(next(process.messages()), Progress)
        for each in (*ranks(process.process.pid), process.process.pid):
            os.kill(each, signal.SIGTERM)
        process.process.join(60)
        assert process.process.exitcode == 143
    finally:
        process.stop()
    assert saved(Store(root).work(wanted[1]))
    assert difference(whole, make(root, wanted, execution)) == 0.0


def before_transfers(root: Path, *more: str) -> list[Step]:
    """A step of stage 2 and a transfer after it, whose other ancestors are made in a store."""
    overrides = [
        "scale=smoke", "evaluate=[vqav2]", "evaluation.after=[transfer]", "tokenizer.sentences=1500",
        "stages.resolution.optimizer={name: adamw, learning_rate: 1.0e-3}",
        "stages.transfer.optimizer={name: adamw, learning_rate: 1.0e-3}", *more,
    ]  # fmt: skip
    every = planned("pali3", *overrides)
    first = [step for step in every if step.kind in ("tokenizer", "vision", "corpus", "language", "multimodal")]
    before = next(step for step in every if step.label == "features/train")
    make(root, [*first[:-1], before, first[-1]], exact())
    wanted = ("resolution/1@96", "features/train@96")
    return [step for step in every if step.label in wanted or step.kind == "transfer"]


@pytest.fixture(scope="module")
def stage_2(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Step], Path]:
    root = tmp_path_factory.mktemp("stage_2")
    return before_transfers(root), root


@pytest.mark.parametrize("strategy", ["ddp", pytest.param("fsdp", marks=pytest.mark.slow)])
def test_stage_2_and_transfers_over_ranks_and_in_passes(
    stage_2: tuple[list[Step], Path], tmp_path: Path, strategy: str
) -> None:
    """36 visual tokens and 32 of the prompt: microbatches of three examples, six of them a step on each of two ranks.

    Both transfers read the same features: these are fp16, of which 223 in 73,728 would be rounded otherwise after stage
    2 over ranks, and AdamW turns noise in a gradient of almost 0 into steps of any size.
    """
    (tuned, features, transfer), store = stage_2
    one, two = shutil.copytree(store, tmp_path / "one"), shutil.copytree(store, tmp_path / "two")
    spread = exact(devices=2, strategy=strategy, max_tokens_per_microbatch=3 * (36 + 32))
    make(one, [tuned, features], exact())
    make(two, [tuned], spread)
    assert difference(*(Store(root).path(tuned) for root in (one, two))) < TOLERANCE
    first, second = (load_file(Store(root).path(tuned) / "vision.safetensors") for root in (one, two))
    apart = {n: float((first[n] - second[n]).abs().max()) for n in first if not n.endswith("key.bias")}
    # with AVX-512 one pixel's weight, whose gradient is about AdamW's epsilon, moves by 1.4e-5, the others by 4e-7
    assert apart.pop("embed.weight") < 5 * TOLERANCE and max(apart.values()) < TOLERANCE
    three = shutil.copytree(one, tmp_path / "three")
    assert difference(make(one, [transfer], exact()), make(three, [transfer], spread)) < TOLERANCE


@pytest.mark.slow
def test_a_transfer_is_checked_over_ranks(tmp_path: Path) -> None:
    """Every rank has the whole model, scores it and makes the same choice; only one writes."""
    held = ["data.validation=16", "stages.transfer.num_validations=2", "stages.transfer.validation_examples=8"]
    checked = before_transfers(tmp_path / "one", *held)
    one, two = tmp_path / "one", shutil.copytree(tmp_path / "one", tmp_path / "two")
    alone, spread = make(one, checked, exact()), make(two, checked, exact(devices=2))
    # one weight of 168,768, whose gradient is about AdamW's epsilon, moves by 1.06e-5, the others by at most 1.4e-6
    assert difference(alone, spread) < 2 * TOLERANCE
    said = [(folder / "validation.csv").read_text() for folder in (alone, spread)]
    assert said[0] == said[1] and said[0].count("\n") == 3
    assert not (spread / "best.safetensors").exists()


@pytest.mark.slow
def test_stage_2_killed_ends_with_the_same_weights(stage_2: tuple[list[Step], Path], tmp_path: Path) -> None:
    (step, *_), store = stage_2
    whole, cut = shutil.copytree(store, tmp_path / "whole"), shutil.copytree(store, tmp_path / "cut")
    execution = exact(checkpoint_seconds=0.0, max_tokens_per_microbatch=3 * (36 + 32))
    expected = make(whole, [step], execution)
    process = worker(cut, step, execution)
    try:
        process.make(step)
        wait_until(lambda: saved(Store(cut).work(step)))
        os.kill(process.process.pid, signal.SIGKILL)
    finally:
        process.stop()
    again = make(cut, [step], execution)
    for name in ("weights", "vision"):
        first, second = (load_file(folder / f"{name}.safetensors") for folder in (expected, again))
        assert all(bool((first[key] == second[key]).all()) for key in first)


def failure(code: int, second: int, told: str = "") -> ProcessFailure:
    """How a rank ended, as torchrun tells it."""
    found = ProcessFailure(0, 1, code, "no file")
    found.timestamp = second
    if told:
        found.message = {"message": told}  # type: ignore[assignment]
    return found


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        (
            {0: failure(1, 11, "StageError: bad"), 1: failure(1, 10, "RuntimeError: worse")},
            "rank 1: RuntimeError: worse",
        ),
        ({0: failure(1, 11, "StageError: bad"), 1: failure(-15, 10)}, "rank 0: bad"),
        ({0: failure(1, 10, "StageError: rank 1: bad"), 1: failure(1, 10, "StageError: bad")}, "rank 1: bad"),
        ({0: failure(1, 10, "StageError: lost"), 1: failure(-9, 11)}, "rank 1 was killed by SIGKILL"),
        ({0: failure(1, 10, "StageError: bad"), 1: failure(-9, 40)}, "rank 0: bad"),  # killed since it did not end
        ({0: failure(3, 12), 1: failure(2, 11)}, "rank 1 ended unexpectedly (exit code 2)"),
        (
            {0: failure(143, 12), 1: failure(143, 11)},
            "rank 1 was asked to stop and has written a checkpoint, from which the same command continues",
        ),
    ],
)
def test_the_first_failure_is_told(failures: dict[int, ProcessFailure], told: str) -> None:
    assert _root_cause(failures) == told
