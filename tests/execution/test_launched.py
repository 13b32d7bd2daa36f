"""`pali3kit step` as one process, and as ranks of torchrun and SLURM on two nodes."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from launching import EXPERIMENTS, alive, environment, ranks, saved, wait_until
from rich.console import Console
from safetensors.torch import load_file

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


@dataclass
class Node:
    """A network namespace with an address of its own; without namespaces, another address of this machine."""

    address: str
    name: str = ""

    @property
    def inside(self) -> list[str]:
        return ["ip", "netns", "exec", self.name] if self.name else []

    @property
    def interface(self) -> dict[str, str]:
        return {"GLOO_SOCKET_IFNAME": "pali3"} if self.name else {}


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    """Two nodes that are connected."""
    found = [Node(f"10.251.7.{i + 1}", f"pali3kit-{os.getpid()}-{i}") for i in range(2)]
    (first, second), quietly = found, {"capture_output": True, "check": False}
    commands = [
        *(f"ip netns add {node.name}" for node in found),
        f"ip -n {first.name} link add pali3 type veth peer name pali3 netns {second.name}",
        *(f"ip -n {node.name} addr add {node.address}/24 dev pali3" for node in found),
        *(f"ip -n {node.name} link set {device} up" for node in found for device in ("lo", "pali3")),
    ]
    try:
        usable = shutil.which("ip") and not any(subprocess.run(c.split(), **quietly).returncode for c in commands)
        yield found if usable else [Node("127.0.0.1"), Node("127.0.0.2")]
    finally:
        for node in found if shutil.which("ip") else ():
            subprocess.run(["ip", "netns", "del", node.name], **quietly)


def torchrun(nodes: list[Node], folder: Path, *, devices: int = 1) -> list[subprocess.Popen[str]]:
    """Start the step `vision` of the experiment in a folder by torchrun on all nodes."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nnodes", str(len(nodes)), "--nproc-per-node", str(devices),
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"{nodes[0].address}:{free_port()}",
    ]  # fmt: skip
    step = ["-m", "pali3kit.run", "step", str(folder), "vision"]

    def start(node: Node) -> subprocess.Popen[str]:
        # by itself torchrun does not find out that an address in a namespace is its own
        own = ["--local-addr", node.address, "--rdzv-conf", f"is_host={int(node is nodes[0])}"]
        return subprocess.Popen(
            [*node.inside, *command, *own, *step],
            env=environment(**node.interface),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return list(map(start, nodes))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def run_folder(tokenized: Path, folder: Path, *more: str) -> tuple[Path, Path]:
    """A run folder whose store has the tokenizer, and the place of the encoder in that store."""
    shutil.copytree(tokenized, folder)
    whole = experiment(folder, *more)
    (folder / EXPERIMENT).write_text(to_yaml(whole))
    step = next(step for step in build(whole).steps if step.kind == "vision")
    return folder, Store.of(whole.runtime).path(step)


def ended(processes: list[subprocess.Popen[str]]) -> list[str]:
    outputs = [process.communicate(timeout=400)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), "\n".join(outputs)
    return outputs


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
    first, _ = ended(torchrun(nodes, folder))
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
    first, _ = ended(torchrun(nodes, folder))
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
    first, second = torchrun(nodes, folder)
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
    again, _ = ended(torchrun(nodes, folder))
    assert "vision: continues from its checkpoint" in again and made.exists()


@pytest.mark.slow
def test_ranks_of_a_torchrun_that_is_killed_are_gone(tokenized: Path, tmp_path: Path) -> None:
    folder, made = run_folder(tokenized, tmp_path / "x", "stages.vision.examples=40000")
    [launcher] = torchrun([Node("127.0.0.1")], folder, devices=2)
    wait_until(lambda: len(ranks(launcher.pid)) == 2)
    started = ranks(launcher.pid)
    wait_until((made.parent / "work" / f"{made.name}.lock").exists)
    launcher.kill()
    wait_until(lambda: not any(map(alive, started)), 60)
