"""Whole runs of the fake experiment, each as a separate program."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import fakes
import pytest
from bench import REPOSITORY, bench, fake_stages, finished
from rich.console import Console

from pali3kit import runner
from pali3kit.errors import DataError
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.report import rebuild
from pali3kit.runner import _Interrupted, _signals_as_exceptions

__all__ = ["bench", "fake_stages", "finished"]


def snapshot(folder: Path) -> dict[str, tuple[int, str]]:
    """Modification time and content of every file."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in folder.rglob("*")
        if path.is_file()
    }


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout.split()
    return [int(child) for child in found]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pids: list[int]) -> None:
    until = time.monotonic() + 60
    while any(map(alive, pids)):
        assert time.monotonic() < until, "a worker outlived its parent"
        time.sleep(0.01)


def copy_of(finished, bench):
    """A copy of a finished run under the bench's root."""
    for name in ("store", "runs"):
        shutil.copytree(finished.root / name, bench.root / name)
    return bench


def test_a_run_says_first_how_long_it_takes_and_where_results_go(finished):
    lines = finished.output.splitlines()
    [told] = [number for number, line in enumerate(lines) if "of work" in line]
    assert "about " in lines[told] and "only guessed at, as if with models of the scale embedded" in lines[told]
    assert told < next(number for number, line in enumerate(lines) if line.startswith("[1/"))
    assert f"results go to {finished.root}/runs/fake" in "".join(lines[told : told + 3])


def test_a_stage_of_several_nodes_is_launched_by_hand_and_the_same_command_continues(finished, bench):
    """All that does not depend on it is made; its launches put it into the store, as copying does here."""
    output = bench.run("nodes", code=1)
    told, _, rest = output.partition("of work")
    launched = sorted(finished.root.glob("store/multimodal-*"))
    assert len(launched) == 2
    for artifact in launched:
        program = f"-m pali3kit.run step {bench.root}/runs/fake {artifact.name}"
        launcher = "torchrun --nnodes 2 --nproc-per-node 5 --rdzv-backend c10d --rdzv-endpoint HOST:29500"
        launcher += " --shutdown-timeout 60 --signals-to-handle SIGTERM,SIGINT,SIGHUP,SIGUSR1"
        assert f"{launcher} {program}" in told
        assert f"srun --nodes 2 --ntasks-per-node 5 python {program}" in told
    assert "14 of 26 stages to run" in told
    assert "10 more stages depend on them and wait" in told and "FAILED" not in output
    assert "to be launched on several nodes: multimodal classif, multimodal siglip" in rest
    assert len(bench.artifacts()) == 26 - 2 - 10
    assert (bench.root / "runs" / "fake" / "experiment.yaml").exists()
    for artifact in launched:
        shutil.copytree(artifact, bench.root / "store" / artifact.name)
    bench.run("nodes")
    assert bench.report() == finished.report()
    assert not any(name.startswith("multimodal") for name in bench.started())


def test_everything_runs_once_and_says_where_it_is(finished):
    assert sorted(finished.started()) == sorted(path.name for path in finished.artifacts())
    assert len(finished.artifacts()) == 26
    assert "[26/26]" in finished.output
    assert "runs/fake/report.html" in finished.output
    vqa = next(path for path in finished.artifacts() if "vqav2" in (path / "manifest.json").read_text())
    assert sorted(path.name for path in vqa.iterdir())[:2] == ["config.yaml", "manifest.json"]
    assert not any((finished.root / "store" / "work").iterdir())


def test_a_second_run_does_nothing_and_changes_only_the_log(finished, bench):
    copy_of(finished, bench)
    bench.run()  # paths in the copy differ: write the report once more
    before = snapshot(bench.root)
    output = bench.run()
    after = snapshot(bench.root)
    assert "nothing to run: all 26 stages" in output
    assert not (bench.control / "started").exists()
    assert {name for name in after if after[name] != before.get(name)} == {"runs/fake/log.txt"}
    assert before.keys() == after.keys()


def test_kill_9_in_the_middle_of_every_kind_ends_with_the_same_report(finished, bench):
    for kind in fakes.KINDS:
        (bench.control / f"pause-{kind}").touch()
    kills = 0
    while any(bench.control.glob("pause-*")):
        process = bench.start()
        bench.wait_for("reached-*", process)
        workers = children(process.pid)
        assert workers
        process.kill()
        process.communicate()
        wait_until_dead(workers)
        for reached in bench.control.glob("reached-*"):
            (bench.control / reached.name.replace("reached", "pause")).unlink()
            reached.unlink()
        kills += 1
    bench.run()
    assert bench.report() == finished.report()
    starts = Counter(bench.started())
    assert len(starts) == 26
    assert sum(starts.values()) <= 26 + 2 * kills  # at most the two that were running


def test_a_killed_stage_continues_from_its_checkpoint(bench):
    pause = bench.control / "pause-tokenizer"
    pause.touch()
    process = bench.start()
    bench.wait_for("reached-tokenizer", process)
    process.kill()
    process.communicate()
    (work,) = [path for path in (bench.root / "store" / "work").glob("tokenizer-*") if path.is_dir()]
    assert json.loads((work / "checkpoint").read_text())[0] == fakes.STEPS // 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 138)])
def test_a_signal_stops_cleanly(bench, number, code):
    (bench.control / "pause-mask_tokenizer").touch()
    process = bench.start()
    bench.wait_for("reached-mask_tokenizer", process)
    workers = children(process.pid)
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == code
    assert "stopping: what runs ends its step" in output
    assert "the same command continues from here" in output
    assert "Traceback" not in output
    wait_until_dead(workers)


@pytest.mark.parametrize(("ignored", "raised"), [(False, True), (True, False)])
def test_a_lost_terminal_stops_a_run_unless_nohup_said_not_to(ignored, raised):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    heard = False
    try:
        with _signals_as_exceptions():
            os.kill(os.getpid(), signal.SIGHUP)
    except _Interrupted as stop:
        heard = stop.number == signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == raised


def test_a_group_that_loses_its_terminal_ends_with_its_checkpoints(bench):
    """The workers get the signal too, and ignore it: the parent decides."""
    (bench.control / "pause-mask_tokenizer").touch()
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # tests under nohup ignore it, and so would a run
    try:
        process = bench.start(group=True)
    finally:
        signal.signal(signal.SIGHUP, before)
    bench.wait_for("reached-mask_tokenizer", process)
    workers = children(process.pid)
    os.killpg(process.pid, signal.SIGHUP)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 129 and "stopped by SIGHUP" in output
    wait_until_dead(workers)


@pytest.mark.parametrize(
    "redirected",
    [
        "2>&1 | head -1; exit ${PIPESTATUS[0]}",
        pytest.param(">&- 2>&- <&-", marks=pytest.mark.slow),
        pytest.param(">/dev/full 2>/dev/full", marks=pytest.mark.slow),
        pytest.param(">&-", marks=pytest.mark.slow),
    ],
)
def test_a_run_does_not_depend_on_its_output(finished, bench, redirected):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "ascii", "COLUMNS": "10"}
    command = f"{sys.executable} {fakes.__file__} {bench.root} {redirected}"
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert bench.report() == finished.report()
    log = (bench.root / "runs" / "fake" / "log.txt").read_text()
    beside = "experiment.yaml, outcomes.json, report.csv, report.json, report.md, report.tex, timings.json"
    assert "[26/26]" in log and f"report.html (also {beside}); log: " in log


def test_damage_is_noticed_named_and_repaired(finished, bench):
    copy_of(finished, bench)
    graph, store = build(fakes.experiment(bench.root)), Store(bench.root / "store")
    language = next(step for step in graph.steps if step.kind == "language")
    masks, vision, probe = (
        next(step for step in graph.steps if step.kind == kind) for kind in ("mask_tokenizer", "vision", "probe")
    )
    (store.path(language) / "weights.safetensors").unlink()
    (store.path(masks) / "manifest.json").write_text("{")
    flipped = [store.path(vision) / "weights.safetensors", store.path(probe) / "metrics.json"]
    for path in flipped:
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
    output = bench.run()
    assert all(f"{path} has other bytes than were written" in output for path in flipped)
    assert "language is damaged and will be made again" in output and "weights.safetensors is missing" in output
    assert "mask_tokenizer is damaged and will be made again" in output and "manifest.json cannot be read" in output
    assert sorted(bench.started()) == sorted(step.name for step in (language, masks, vision, probe))
    assert bench.report() == finished.report()


@pytest.mark.slow
def test_a_run_reads_what_a_folder_has_and_reports_the_same(finished, bench):
    """The lab has stage 0 without the corpus, which then nothing needs."""
    lab = bench.root / "lab"
    for artifact in finished.artifacts():
        if artifact.name.startswith(("tokenizer", "vision", "language", "mask_tokenizer")):
            shutil.copytree(artifact, lab / artifact.name)
    before, count = snapshot(lab), len(list(lab.iterdir()))
    planned = bench.run("plan", f"from={lab}")
    assert f"{26 - count - 1} of 26 stages to run" in planned
    rows = {line.strip().split("  ")[0]: line for line in planned.splitlines()}
    assert re.search(r" read .* /", rows["vision siglip"]) and " not needed " in rows["corpus"]
    assert " will run " in rows["multimodal siglip"] and f"of the others {count} in {lab}, 1 is not needed" in planned
    output = bench.run(f"from={lab}")
    assert f"of the others {count} in {lab}, 1 is not needed" in output
    assert sorted(bench.started()) == sorted(
        path.name
        for path in finished.artifacts()
        if not path.name.startswith("corpus") and not (lab / path.name).exists()
    )
    for name in ("report.json", "report.csv", "report.md", "report.tex"):
        assert (bench.root / "runs/fake" / name).read_bytes() == (finished.root / "runs/fake" / name).read_bytes()
    assert "nothing to run: of 26 stages " in bench.run(f"from={lab}")
    assert snapshot(lab) == before
    timings = json.loads((bench.root / "runs/fake/timings.json").read_text())
    assert {stage["place"] for stage in timings["stages"]} == {"", str(lab)}
    folder = bench.root / "runs/fake"
    assert run_lines(runner.verify, folder)[1] == f"{lab}: {count} artifacts"
    assert {stage.status for stage in rebuild(folder).stages} == {"done"}
    lab.rename(bench.root / "gone")
    assert f"{lab} of runtime.read_from is not there." in run_lines(runner.verify, folder)
    with pytest.raises(DataError, match=f"{count} of the 26 artifacts .*\n{lab} of runtime.read_from is not there"):
        rebuild(folder)


def run_lines(verify, folder):
    """What `verify` prints about a run, without the numbers of files and bytes."""
    console = Console(file=io.StringIO(), width=500)
    verify(folder, console=console)
    return [line.partition(", ")[0] for line in console.file.getvalue().splitlines()]


def test_another_seed_adds_its_own_stages_only(finished, bench):
    copy_of(finished, bench)
    output = bench.run("0", "1")
    assert "24 of 50 stages to run" in output
    assert len(bench.started()) == 24


def test_the_manifest_says_where_and_with_what(finished):
    manifest = json.loads((finished.artifacts()[0] / "manifest.json").read_text())
    assert manifest["threads"] == 1 and manifest["units"] > 0 and manifest["seconds"] >= 0
    assert manifest["host"]["cores"] >= 1 and manifest["versions"]["pali3kit"]


def test_test_examples_are_demanded_before_anything_is_trained(tmp_path, monkeypatch):
    def refuse(steps):
        assert {step.kind for step in steps} >= {"vision", "evaluate"}
        raise DataError("'coco' is measured on 2 test examples at least; found 1.")

    monkeypatch.setattr(runner, "require_examples", refuse)
    with pytest.raises(DataError, match="found 1"):
        runner.run(fakes.experiment(tmp_path))
    assert not list(tmp_path.glob("runs/*/*")) and not list(tmp_path.glob("store/*-*"))


@pytest.mark.parametrize(
    ("terminal", "seconds", "answer", "declined"),
    [
        (True, 7200.0, "n", True), (True, 7200.0, "y", False), (True, 7200.0, "", False),
        (True, 60.0, "n", False), (False, 7200.0, "n", False),
    ],
)  # fmt: skip
def test_only_somebody_at_a_terminal_is_asked_about_long_work(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, seconds: float, answer: str, declined: bool
) -> None:
    typed = io.StringIO(answer + "\n")
    typed.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", typed)
    monkeypatch.setattr(runner, "expected_seconds", lambda *_: seconds)
    monkeypatch.setattr(runner, "expected_time", lambda *_: "about 2.0 h of work")
    console = Console(file=io.StringIO(), force_terminal=True)
    assert runner._declined(console, None, [], 1) is declined
    assert ("about 2.0 h of work. Go on?" in console.file.getvalue()) == (terminal and seconds > 3600)
