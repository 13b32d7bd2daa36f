"""`submit`: what it asks SLURM for, and an experiment on a real SLURM of one node where that can be started."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from launching import EXPERIMENTS, saved, wait_until
from rich.console import Console
from slurm_node import is_installed, node

from pali3kit.config.load import load
from pali3kit.config.runtime import Slurm, StageRuntime
from pali3kit.config.saved import read_experiment
from pali3kit.errors import StageError
from pali3kit.execution import slurm
from pali3kit.execution.slurm import Job, submit
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build

DelayedSubmission = pytest.importorskip("submitit.core.utils").DelayedSubmission

SBATCH = """\
#!/bin/sh
if test -e {folder}/refuse; then echo "sbatch: error: invalid partition specified: gpu" >&2; exit 1; fi
number=$(($(ls {folder} | wc -l) + 1))
if test -e {folder}/full && test $number -gt 3; then echo "sbatch: error: too many jobs" >&2; exit 1; fi
cp "$1" {folder}/$number.sh
echo "Submitted batch job $number"
"""


@pytest.fixture
def batches(tmp_path, monkeypatch):
    """The folder of the batch files that an `sbatch` of ours was given, `1.sh` and so on."""
    folder, programs = tmp_path / "batches", tmp_path / "bin"
    folder.mkdir(), programs.mkdir()
    (programs / "sbatch").write_text(SBATCH.format(folder=folder))
    for name in ("srun", "scontrol"):
        (programs / name).write_text("#!/bin/sh\n")
    (programs / "scancel").write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/cancelled\n')
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return folder


def submitted(experiment) -> str:
    console = Console(width=500, record=True, file=io.StringIO())
    assert submit(experiment, console) == 0
    return console.export_text()


def flags(batch: Path) -> dict[str, str]:
    return {key: value.strip("'") for key, value in re.findall(r"#SBATCH --([\w-]+)=?(.*)", batch.read_text())}


def test_each_step_is_a_job_after_its_parents(batches, experiment):
    told = submitted(experiment)
    jobs = dict(re.findall(r"job (\d+): ([^,\n]+)", told))
    steps = {step.label: step for step in build(experiment).steps}
    assert len(steps) == 26 and len(list(batches.glob("*.sh"))) == 27
    numbers = {label: number for number, label in jobs.items()}
    for label, step in steps.items():
        after = flags(batches / f"{numbers[label]}.sh").get("dependency", "afterok:")
        parents = [numbers[parent.label] for parent in step.parents.values()]
        assert after == f"afterok:{':'.join(parents)}" and all(int(p) < int(numbers[label]) for p in parents)
    last = flags(batches / "27.sh")
    assert last["dependency"] == f"afterany:{':'.join(map(str, range(1, 27)))}" and "kill-on-invalid-dep" not in last
    folder = Path(experiment.runtime.runs) / "fake"
    written = sorted((folder / "slurm").glob("*_submitted.pkl"))
    commands = {DelayedSubmission.load(file).function.command[-1] for file in written}
    assert commands == {step.name for step in steps.values()} | {str(folder)}


def test_a_job_asks_for_ranks_gpus_time_and_what_the_cluster_needs(batches, experiment):
    runtime = experiment.runtime
    runtime.stages["multimodal"] = StageRuntime(nodes=2, devices=5)
    runtime.hardware, runtime.grace_seconds = "h100", 90.0
    runtime.slurm = Slurm(
        hours=1.5, cpus_per_task=6, options={"partition": "gpu", "exclusive": ""}, setup=["module load cuda"]
    )
    numbers = {label: number for number, label in re.findall(r"job (\d+): ([^,\n]+)", submitted(experiment))}
    joint, tokenizer = (batches / f"{numbers[name]}.sh" for name in ("multimodal siglip", "tokenizer"))
    asked = flags(joint)
    wanted = {
        "nodes": "2", "ntasks-per-node": "5", "gpus-per-node": "5", "time": "90", "cpus-per-task": "6",
        "signal": "USR1@120", "partition": "gpu", "exclusive": "", "requeue": "", "kill-on-invalid-dep": "yes",
        "job-name": "fake: multimodal siglip",
    }  # fmt: skip
    assert wanted.items() <= asked.items() and "\nmodule load cuda\n" in joint.read_text()
    assert (flags(tokenizer)["nodes"], flags(tokenizer)["ntasks-per-node"]) == ("1", "1")
    report = flags(batches / "27.sh")
    assert "gpus-per-node" not in report and report["partition"] == "gpu"


def test_a_refusal_is_told(batches, experiment):
    (batches / "refuse").touch()
    with pytest.raises(StageError, match=r"SLURM refused the job of fake: vision classif: .*invalid partition.*gpu"):
        submitted(experiment)


def test_a_refusal_midway_leaves_no_job(batches, experiment, tmp_path):
    (batches / "full").touch()
    with pytest.raises(StageError, match="too many jobs"):
        submitted(experiment)
    assert (tmp_path / "cancelled").read_text() == "2 3\n"


def test_jobs_keep_their_experiment_when_another_one_of_this_name_is_submitted(batches, experiment):
    submitted(experiment)
    folder = Path(experiment.runtime.runs) / "fake"
    (folder / "report.json").write_text("{}")
    submitted(experiment)
    assert (folder / "report.json").exists() and len(list(folder.glob("slurm/*/experiment.yaml"))) == 1
    submitted(replace(experiment, seeds=[7]))
    places = {place.parent: read_experiment(place.parent) for place in folder.glob("slurm/*/experiment.yaml")}
    assert sorted(found.seeds for found in places.values()) == [experiment.seeds, [7]]
    assert read_experiment(folder).seeds == [7] and not (folder / "report.json").exists()
    jobs = [DelayedSubmission.load(file).function.command for file in (folder / "slurm").glob("*_submitted.pkl")]
    assert {command[4] for command in jobs if command[3] == "step"} == set(map(str, places))


@pytest.mark.parametrize(
    ("package", "told"), [(True, "there is no sbatch or srun or scontrol on"), (False, r"\[slurm\]")]
)
def test_what_is_missing_is_told(package, told, experiment, monkeypatch):
    monkeypatch.setattr(slurm.shutil, "which", lambda program: None)
    monkeypatch.setattr(slurm, "find_spec", lambda name: package or None)
    with pytest.raises(StageError, match=told):
        submit(experiment)


def test_a_job_fails_with_its_command_and_waits_for_another_process(tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "LOCK_RETRY_SECONDS", 0.0)
    tried = tmp_path / "tried"
    busy_once = f"test -e {tried} || {{ touch {tried}; exit 75; }}"
    Job(["sh", "-c", busy_once])()
    assert tried.exists()
    with pytest.raises(StageError, match="exit code 3 of sh -c exit 3"):
        Job(["sh", "-c", "exit 3"])()


def test_a_job_that_is_interrupted_waits_for_the_checkpoint(tmp_path):
    """As submitit does it: a signal's handler asks for the checkpoint while the main thread waits for the command."""
    ready, saved_file = tmp_path / "ready", tmp_path / "saved"
    command = f"trap 'sleep 0.3; touch {saved_file}; exit 143' TERM; echo $$ > {ready}; while :; do sleep 0.05; done"
    job, again = Job(["sh", "-c", command]), []

    def handler(number, frame):
        os.kill(int(ready.read_text()), signal.SIGTERM)
        again.append(job.checkpoint())
        assert saved_file.exists()
        raise InterruptedError

    before = signal.signal(signal.SIGUSR1, handler)

    def interrupt() -> None:
        while not (ready.exists() and ready.read_text().strip()):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(InterruptedError):
            job()
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    assert again[0].function.command == job.command and again[0].function.code is None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The variables of a real SLURM of one node."""
    if not is_installed():
        pytest.skip("needs slurmctld, slurmd and SLURM's commands")
    with ExitStack() as stack:
        try:
            found = stack.enter_context(node(tmp_path_factory.mktemp("slurm")))
        except RuntimeError as error:
            pytest.skip(f"SLURM does not start here: {error}")
        with pytest.MonkeyPatch.context() as patch:
            for name, value in found.items():
                patch.setenv(name, value)
            yield found


STEP = """\
cd {folder}
echo "begins $1 in task $SLURM_PROCID of $SLURM_NTASKS" >> log
case $1 in
  embed-*) exit 3;;
  vision-*) trap 'touch checkpoint.$SLURM_PROCID; exit 143' USR1
    while ! test -e checkpoint.$SLURM_PROCID; do touch begun.$SLURM_PROCID; sleep 0.1; done;;
esac
echo "ends $1 in task $SLURM_PROCID" >> log
"""


@pytest.mark.slow
def test_slurm_heeds_dependencies_and_queues_again(cluster, experiment, tmp_path, monkeypatch):
    """In place of stages there are lines of shell, each task of which says when it began and ended."""
    script = tmp_path / "step.sh"
    script.write_text(STEP.format(folder=tmp_path))
    monkeypatch.setattr(slurm, "step_command", lambda folder, step: ["sh", str(script), step.name])
    experiment.grid, experiment.baseline, experiment.evaluate = {}, {}, ["probe", "vqav2"]
    experiment.runtime.stages["vision"] = StageRuntime(devices=2)
    steps = build(experiment).steps
    names = {step.kind: step.name for step in steps}
    numbers = {label: number for number, label in re.findall(r"job (\d+): ([^,\n]+)", submitted(experiment))}
    wait_until(lambda: all((tmp_path / f"begun.{task}").exists() for task in range(2)))
    subprocess.run(["scancel", "--signal=USR1", numbers["vision"]], check=True)
    wait_until(lambda: not subprocess.run(["squeue", "-h"], capture_output=True, check=True).stdout, 900)
    log = (tmp_path / "log").read_text().splitlines()
    assert log.count(f"begins {names['vision']} in task 1 of 2") == 2
    for step in steps:
        if step.kind in ("embed", "probe"):
            continue
        begin = min(log.index(line) for line in log if line.startswith(f"begins {step.name} "))
        assert log.count(f"ends {step.name} in task 0") == 1
        assert all(log.index(f"ends {parent.name} in task 0") < begin for parent in step.parents.values())
    assert not any(names["probe"] in line for line in log) and f"ends {names['embed']} in task 0" not in log
    logs = Path(experiment.runtime.runs) / experiment.name / "slurm"
    assert "exit code 3 of sh" in (logs / f"{numbers['embed/flag']}_0_log.err").read_text()


OVERRIDES = [
    "scale=smoke", "evaluate=[probe]", "tokenizer.sentences=1500", "stages.vision.examples=4000",
    "stages.vision.batch_size=8", "stages.vision.optimizer={name: adamw, learning_rate: 1.0e-3}",
    "runtime.checkpoint_seconds=0.5", "runtime.threads=1", "runtime.stages={vision: {devices: 2}}",
]  # fmt: skip


@pytest.mark.slow
def test_an_experiment_runs_on_slurm(cluster, tmp_path):
    """Two ranks train the encoder; they are preempted, queued again, and continue. The report comes last."""
    places = [f"runtime.store={tmp_path / 'store'}", f"runtime.runs={tmp_path / 'runs'}"]
    file = str(EXPERIMENTS / "pretrain_siglip.yaml")
    experiment = load(file, [*OVERRIDES, *places])
    steps = {step.kind: step for step in build(experiment).steps}
    store, folder = Store(tmp_path / "store"), tmp_path / "runs" / experiment.name
    command = [sys.executable, "-m", "pali3kit.run", "submit", file, *OVERRIDES, *places]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    numbers = {label: number for number, label in re.findall(r"job (\d+): ([^,\n]+)", done.stdout)}
    wait_until(lambda: saved(store.work(steps["vision"])), 900)
    subprocess.run(["scancel", "--signal=USR1", numbers["vision"]], check=True)
    wait_until((folder / "report.json").exists, 1500)
    log = (folder / "slurm" / f"{numbers['vision']}_0_log.out").read_text()
    assert log.count("vision: 1 x 2 ranks") == 2 and "stopped after a checkpoint" in log
    assert "vision: continues from its checkpoint" in log
    assert not store.missing(steps.values())
    assert store.manifest(steps["vision"])["versions"]["ranks"] == "2 by ddp"
