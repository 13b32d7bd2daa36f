"""`pali3kit step` as one process, and as ranks of torchrun and SLURM on two nodes."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from launching import EXPERIMENTS, alive, environment, ranks, saved, wait_until
from rich.console import Console
from safetensors.torch import load_file
from two_nodes import Node, ended, free_port, torchrun, two_nodes

from pali3kit.config.load import load
from pali3kit.config.saved import EXPERIMENT, to_yaml
from pali3kit.config.schema import Experiment
from pali3kit.errors import StageError
from pali3kit.execution import launched
from pali3kit.execution.launched import run_step
from pali3kit.execution.messages import Finished
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.training.stopping import TERMINATED

FILE = EXPERIMENTS / "pretrain_siglip.yaml"
OVERRIDES = [
    "scale=smoke", "evaluate=[probe]", "tokenizer.sentences=1500", "stages.vision.examples=64",
    "stages.vision.batch_size=8", "stages.vision.optimizer={name: adamw, learning_rate: 1.0e-3}",
    "runtime.precision=fp32", "runtime.threads=1",
]  # fmt: skip
TOLERANCE = 1e-5  # as in test_ranks
# Weights that differ by rounding answer alike, except where two tokens are about as likely: one of the 16 test examples
# of smoke scale may then count otherwise.
ONE_ANSWER, EQUAL = 100 / 16, 0.01  # percent


@pytest.fixture(scope="module")
def tokenized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the tokenizer, which SigLIP's pretraining needs."""
    root = tmp_path_factory.mktemp("tokenized")
    assert run_step(experiment(root), "tokenizer", Console(quiet=True)) == 0
    return root


def experiment(root: Path, *more: str) -> Experiment:
    """The encoder's pretraining, with everything below a folder."""
    return load(FILE, [*OVERRIDES, f"runtime.store={root / 'store'}", f"runtime.runs={root / 'runs'}", *more])


def step_of(kind: str, *more: str):
    return next(s for s in build(load(FILE, [*OVERRIDES, *more])).steps if s.kind == kind)


def said(experiment: Experiment, label: str) -> tuple[int, str]:
    """The exit code of a step in this process, and what it printed."""
    console = Console(width=500, record=True, file=io.StringIO())
    code = run_step(experiment, label, console)
    return code, console.export_text()


def test_a_step_that_is_made_already(tokenized: Path) -> None:
    step = step_of("tokenizer")
    code, text = said(experiment(tokenized), step.digest[:8])
    assert code == 0 and f"tokenizer was made already: {tokenized}/store/{step.name}" in text


def test_all_parents_that_are_missing_are_listed(tokenized: Path, tmp_path: Path) -> None:
    step = step_of("tokenizer")
    code, text = said(experiment(tmp_path), "vision")
    assert code == 1
    assert f"what it needs is not in {tmp_path}/store, package: tokenizer ({step.name}). Make that first, by" in text
    assert "details" not in text  # it has no folder


def test_a_step_and_its_parents_may_come_from_elsewhere(
    tokenized: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder in place, from a URL by a copy; then the step is made, or was made."""
    seen = []
    monkeypatch.setattr(launched, "make_stage", lambda step, store, *_, **__: seen.append(store) or Finished(1.0))
    tokenizer = step_of("tokenizer")
    for name, place in [("folder", f"{tokenized}/store"), ("url", f"file://{tokenized}/store")]:
        root = tmp_path / name
        code, text = said(experiment(root, f"runtime.read_from=[{place}]"), "vision")
        assert code == 0 and ("tokenizer: copied in" in text) == (name == "url")
        parent = (root if name == "url" else tokenized) / "store" / tokenizer.name
        assert seen.pop().path(tokenizer) == parent
        code, text = said(experiment(root, f"runtime.read_from=[{place}]"), "tokenizer")
        assert code == 0 and f"tokenizer was made already: {parent}" in text and not seen


def test_a_step_that_another_run_makes(tokenized: Path) -> None:
    with Store(tokenized / "store").lock(step_of("vision")) as mine:
        assert mine
        code, text = said(experiment(tokenized), "vision")
    assert code == 75 and "vision: another process is making it, try again later" in text


@pytest.mark.parametrize(("code", "told"), [(TERMINATED, True), (1, False)])
def test_a_checkpoint_is_told_where_one_was_written(
    code: int, told: bool, tokenized: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object, **options: object) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(launched, "make_stage", stop)
    console = Console(width=500, record=True, file=io.StringIO())
    with pytest.raises(SystemExit):
        run_step(experiment(tokenized), "vision", console)
    assert ("vision stopped after a checkpoint" in console.export_text()) == told


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("visoin", r"no step 'visoin' in this experiment\. Did you mean 'vision'\?"),
        ("0" * 12, r"no step '0{12}' in this experiment\. `plan` prints the labels\."),
    ],
)
def test_a_label_that_no_step_has(label: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=told):
        run_step(experiment(tmp_path), label)


@pytest.mark.parametrize(
    ("label", "told"),
    [
        ("vision", "with 3 ranks: 3 ranks do not divide the batch of 8 of stages.vision; nearest: 4$"),
        ("probe", "probe runs in one process, but 3 were launched: launch one"),
    ],
)
def test_ranks_that_cannot_make_it_are_refused_before_they_meet(
    label: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"RANK": "0", "WORLD_SIZE": "3", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in place.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StageError, match=told):
        run_step(experiment(tmp_path), label)


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    """Two nodes that are connected."""
    with two_nodes() as found:
        yield found


def making(folder: Path) -> list[str]:
    """What makes the step `vision` of the experiment in a folder."""
    return ["-m", "pali3kit.run", "step", str(folder), "vision"]


def run_folder(tokenized: Path, folder: Path, *more: str) -> tuple[Path, Path]:
    """A run folder whose store has the tokenizer, and the place of the encoder in that store."""
    shutil.copytree(tokenized, folder)
    whole = experiment(folder, *more)
    (folder / EXPERIMENT).write_text(to_yaml(whole))
    step = next(step for step in build(whole).steps if step.kind == "vision")
    return folder, Store.of(whole.runtime).path(step)


def difference(one: Path, other: Path) -> float:
    first, second = (load_file(folder / "weights.safetensors") for folder in (one, other))
    return max(float((first[name] - second[name]).abs().max()) for name in first if not name.endswith("key.bias"))


@pytest.fixture(scope="module")
def alone(tokenized: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The encoder as one process makes it, in an environment that is not its own."""
    folder, made = run_folder(tokenized, tmp_path_factory.mktemp("alone") / "x")
    foreign = slurm(3, 4) | {"LOCAL_RANK": "1", "NODE_RANK": "1", "SLURM_JOB_NAME": "interactive"}
    command = [sys.executable, "-m", "pali3kit.run", "step", str(folder), "vision"]
    done = subprocess.run(command, env=environment(**foreign), capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "1 x 1 ranks, about" in done.stdout, done.stdout + done.stderr
    return made


def slurm(rank: int, ranks: int, port: int = 0) -> dict[str, str]:
    """What srun sets, of one task on each node."""
    return {
        "SLURM_NTASKS": str(ranks), "SLURM_NTASKS_PER_NODE": "1", "SLURM_NNODES": str(ranks), "SLURM_JOB_ID": "4711",
        "SLURM_PROCID": str(rank), "SLURM_NODEID": str(rank), "SLURM_LOCALID": "0", "SLURM_JOB_NAME": "train",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_torchrun_on_two_nodes_makes_what_one_process_does(
    strategy: str, nodes: list[Node], tokenized: Path, alone: Path, tmp_path: Path
) -> None:
    folder, made = run_folder(tokenized, tmp_path / "x", f"runtime.stages.vision={{nodes: 2, strategy: {strategy}}}")
    first, _ = ended(torchrun(nodes, making(folder)))
    assert "vision: 2 x 1 ranks, about" in first and f"its artifact goes to {made}" in first
    assert difference(alone, made) < TOLERANCE
    assert Store(made.parent).manifest(step_of("vision"))["versions"]["ranks"] == f"2 by {strategy}"


@pytest.mark.slow
def test_all_ranks_read_parents_from_where_the_first_found_them(
    nodes: list[Node], tokenized: Path, alone: Path, tmp_path: Path
) -> None:
    """The first place is damaged, which only the first rank looks for."""
    places = [tmp_path / "damaged", tokenized / "store"]
    shutil.copytree(places[1], places[0])
    model = places[0] / step_of("tokenizer").name / "tokenizer.model"
    model.write_bytes(model.read_bytes()[::-1])
    read_from = f"runtime.read_from=[{places[0]}, {places[1]}]"
    folder, made = run_folder(tokenized, tmp_path / "x", "runtime.stages.vision={nodes: 2}", read_from)
    shutil.rmtree(folder / "store" / step_of("tokenizer").name)
    first, _ = ended(torchrun(nodes, making(folder)))
    assert f"{model} has other bytes than were written" in first
    assert difference(alone, made) < TOLERANCE


@pytest.mark.slow
def test_srun_on_two_nodes_makes_what_one_process_does(tokenized: Path, alone: Path, tmp_path: Path) -> None:
    folder, made = run_folder(tokenized, tmp_path / "x")
    port = free_port()
    command = [sys.executable, "-m", "pali3kit.run", "step", str(folder / EXPERIMENT), "vision"]
    tasks = [
        subprocess.Popen(command, env=environment(**slurm(rank, 2, port)), stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    first, _ = ended(tasks)
    assert "vision: 2 x 1 ranks, as launched, not 1 x 1 as configured" in first
    assert difference(alone, made) < TOLERANCE


@pytest.mark.slow
def test_a_node_that_is_lost_ends_the_others_and_the_same_command_continues(
    nodes: list[Node], tokenized: Path, tmp_path: Path
) -> None:
    """A node whose power is cut says nothing: the others fail after `runtime.timeout_seconds`. The sockets of processes
    that are only killed are closed, which ends the others at once.
    """
    more = ["stages.vision.examples=4000", "runtime.checkpoint_seconds=0.5", "runtime.timeout_seconds=15"]
    folder, made = run_folder(tokenized, tmp_path / "x", *more)
    work = made.parent / "work" / made.name
    first, second = torchrun(nodes, making(folder))
    wait_until(lambda: saved(work))
    if nodes[1].name:
        subprocess.run(["ip", "-n", nodes[1].name, "link", "set", "pali3", "down"], check=True)
    for process in (second.pid, *ranks(second.pid)):
        os.kill(process, signal.SIGKILL)
    started = time.monotonic()
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 1 and "FAILED vision: rank 0: " in output
    assert time.monotonic() - started < 15 + 90  # and what torchrun takes to end, on a loaded machine
    second.communicate()
    if nodes[1].name:
        subprocess.run(["ip", "-n", nodes[1].name, "link", "set", "pali3", "up"], check=True)
    assert not made.exists()
    again, _ = ended(torchrun(nodes, making(folder)))
    assert "vision: continues from its checkpoint" in again and made.exists()


@pytest.mark.slow
def test_ranks_of_a_torchrun_that_is_killed_are_gone(tokenized: Path, tmp_path: Path) -> None:
    folder, made = run_folder(tokenized, tmp_path / "x", "stages.vision.examples=40000")
    [launcher] = torchrun([Node("127.0.0.1")], making(folder), devices=2)
    wait_until(lambda: len(ranks(launcher.pid)) == 2)
    started = ranks(launcher.pid)
    wait_until((made.parent / "work" / f"{made.name}.lock").exists)
    launcher.kill()
    wait_until(lambda: not any(map(alive, started)), 60)


def scores(report: dict[str, Any]) -> dict[tuple[str, ...], float]:
    """Every score of a report's tables, in percent, by stage, row, column and seed."""
    return {
        (table["after"], row["label"], column, seed): score
        for table in report["tables"]
        for row in table["rows"]
        for column, cell in row["cells"].items()
        for seed, score in cell["per_seed"].items()
    }


@pytest.mark.slow
def test_table_1_on_two_nodes_has_the_numbers_of_one_process(nodes: list[Node], tmp_path: Path) -> None:
    """All 58 stages of Table 1 at smoke scale; `run` then finds them all made, and writes the report."""
    program, file = str(Path(__file__).with_name("all_steps_rank.py")), EXPERIMENTS / "ablate_classif.yaml"
    reports = {}
    for name in ("together", "alone"):
        places = [f"runtime.store={tmp_path / name / 'store'}", f"runtime.runs={tmp_path / name}"]
        told = ["scale=smoke", "runtime.precision=fp32", "runtime.threads=1", "runtime.read_from=[]", *places]
        if name == "together":
            whole = load(file, told)
            folder = tmp_path / name / "launched"
            folder.mkdir(parents=True)
            (folder / EXPERIMENT).write_text(to_yaml(whole))
            ended(torchrun(nodes, [program, str(folder)], TORCH_DISABLE_SHARE_RDZV_TCP_STORE="1"), 3000)
            steps, store = build(whole).steps, Store.of(whole.runtime)
            assert len(steps) == 58 and not store.missing(steps)
            ranks = {step.kind: store.manifest(step)["versions"].get("ranks") for step in steps}
            assert {kind for kind, by in ranks.items() if by == "2 by ddp"} >= {
                "vision",
                "language",
                "multimodal",
                "transfer",
            }
        command = [sys.executable, "-m", "pali3kit.run", str(file), *told]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        reports[name] = json.loads((tmp_path / name / "ablate_classif" / "report.json").read_text())
    one, two = scores(reports["together"]), scores(reports["alone"])
    apart = {place: abs(score - two[place]) for place, score in one.items()}
    assert one.keys() == two.keys() and max(apart.values()) <= ONE_ANSWER, apart
    assert sum(each > EQUAL for each in apart.values()) <= len(apart) // 10, apart
