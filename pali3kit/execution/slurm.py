"""An experiment as jobs of SLURM: one for each step that is to be made, after those of its parents.

submitit writes the batch files, submits them, and queues a job again that runs out of time or is preempted. The job of
a step is `pali3kit step`, by as many tasks as the step has ranks.
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pali3kit.config import saved
from pali3kit.config.runtime import Runtime
from pali3kit.config.schema import Experiment
from pali3kit.errors import StageError
from pali3kit.execution.demand import ranks_of
from pali3kit.execution.known_runs import record_run
from pali3kit.execution.launched import EXIT_CODES
from pali3kit.execution.messages import Busy
from pali3kit.execution.needs import gather
from pali3kit.execution.process_setup import environment
from pali3kit.execution.step_list import step_command
from pali3kit.execution.store import LOCK_RETRY_SECONDS, Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.training.stopping import TERMINATED

if TYPE_CHECKING:
    from submitit.core.utils import DelayedSubmission

_TIMEOUTS = 1000  # after so many a job is not queued again
_MARGIN_SECONDS = 30.0  # beyond `runtime.grace_seconds`, to queue a job again
_POLL_SECONDS = 0.2
_STOPPED = (TERMINATED, -signal.SIGTERM, -signal.SIGUSR1)


def submit(experiment: Experiment, console: Console | None = None) -> int:
    """Submit a job for each step that must be made, and one that writes the report once they have ended; return 0.

    Jobs whose parents fail are cancelled. Their logs are in `<runs>/<name>/slurm`, which must be seen by all nodes.

    Raises StageError where submitit or SLURM is missing, or a job is refused.
    """
    console = console or Console()
    if find_spec("submitit") is None:
        raise StageError("submit needs submitit: pip install 'pali3kit[slurm]'.")
    if absent := [program for program in ("sbatch", "srun", "scontrol") if shutil.which(program) is None]:
        raise StageError(f"submit needs SLURM: there is no {' or '.join(absent)} on this machine.")
    graph, store = build(experiment), Store.of(experiment.runtime)
    folder = Path(experiment.runtime.runs).absolute() / experiment.name
    for refusal in record_run(store, folder, experiment):
        console.print(refusal, style="yellow", markup=False)
    place = _write_experiment(experiment, folder)
    needs = gather(graph, store, lambda line: console.print(line, markup=False))
    jobs: dict[str, str] = {}
    try:
        _submit_steps(needs.make, experiment, place, jobs, console)
        report = Job([sys.executable, "-m", "pali3kit.run", "report", str(folder)])
        last = {"dependency": f"afterany:{':'.join(jobs.values())}"} if jobs else {}
        alone = Runtime(slurm=experiment.runtime.slurm)
        job = _submit(report, folder, f"{experiment.name}: report", alone, (1, 1), last)
    except StageError:
        if jobs:  # the same command would submit them again
            subprocess.run(["scancel", *jobs.values()], check=False)
        raise
    told = f"job {job}: the report, {folder / 'report.html'}; logs: {folder / 'slurm'}"
    console.print(told, markup=False, soft_wrap=True)
    return 0


def _write_experiment(experiment: Experiment, folder: Path) -> Path:
    """Write the experiment to its run folder, and to a folder below it that no other experiment of this name changes.

    Returns the latter, which jobs read when they start, perhaps days later.
    """
    place = folder / "slurm" / hashlib.sha256(saved.to_yaml(experiment).encode()).hexdigest()[:12]
    for each in (folder, place):
        saved.write_experiment(experiment, each)
    return place


def _submit_steps(
    steps: Sequence[Step], experiment: Experiment, place: Path, jobs: dict[str, str], console: Console
) -> None:
    """Submit a job for each step, parents first, and note their numbers by digest in `jobs`."""
    folder = place.parent.parent
    for step in steps:
        after = [jobs[parent.digest] for parent in step.parents.values() if parent.digest in jobs]
        own = experiment.runtime.of(step.kind)
        jobs[step.digest] = job = _submit(
            Job(step_command(str(place), step)), folder, f"{experiment.name}: {step.label}", own, ranks_of(step, own),
            {"dependency": f"afterok:{':'.join(after)}", "kill-on-invalid-dep": "yes"} if after else {},
        )  # fmt: skip
        needs = f", after {', '.join(after)}" if after else ""
        console.print(f"job {job}: {step.label}{needs}", highlight=False, markup=False, soft_wrap=True)


def _submit(
    job: Job, folder: Path, name: str, runtime: Runtime, ranks: tuple[int, int], dependency: Mapping[str, str]
) -> str:
    """Submit a job for so many nodes and tasks on each; return its number."""
    from submitit import SlurmExecutor
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    (nodes, tasks), asked = ranks, runtime.slurm
    executor = SlurmExecutor(folder / "slurm", max_num_timeout=_TIMEOUTS)
    executor.update_parameters(
        job_name=name,
        nodes=nodes,
        ntasks_per_node=tasks,
        time=ceil(asked.hours * 60),
        **({"cpus_per_task": asked.cpus_per_task} if asked.cpus_per_task else {}),
        **({"gpus_per_node": tasks} if runtime.hardware else {}),
        setup=list(asked.setup),
        additional_parameters={
            "requeue": True, "signal": f"USR1@{ceil(runtime.grace_seconds + _MARGIN_SECONDS)}",
            **{key: value or True for key, value in asked.options.items()}, **dependency,
        },
    )  # fmt: skip
    try:
        with environment({"SUBMITIT_PREEMPT_SIGNAL": "USR1"}):  # which the job has too
            return str(executor.submit(job).job_id)
    except (FailedJobError, FailedSubmissionError) as error:
        raise StageError(f"SLURM refused the job of {name}: {' '.join(str(error).split())}") from error


class Job:
    """A command as one task of a job. submitit keeps it in the job's folder, and calls it there.

    The signal that announces the end of a job's time goes to the command too, which then writes a checkpoint and ends;
    task 0 has SLURM queue the job again, and all tasks wait for that.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.command = list(command)
        self.code: int | None = None

    def __call__(self) -> None:
        """Run the command, again while another process makes its step. Raises StageError if it fails."""
        while (code := self._run()) == EXIT_CODES[Busy]:
            time.sleep(LOCK_RETRY_SECONDS)
        if code in _STOPPED:
            time.sleep(_MARGIN_SECONDS + 600)  # SLURM ends this process before, and starts the job again
        if code:
            raise StageError(f"exit code {code} of {' '.join(self.command)}")

    def checkpoint(self) -> DelayedSubmission:
        """Wait until the command has written its checkpoint, while it is interrupted in `__call__`; the job again."""
        from submitit.core.utils import DelayedSubmission

        while self.code is None:
            time.sleep(_POLL_SECONDS)
        return DelayedSubmission(Job(self.command))

    def _run(self) -> int:
        """The exit code of the command. A thread waits for it: a signal's handler could not, inside of another wait."""
        self.code = None

        def wait() -> None:
            self.code = subprocess.run(self.command, check=False).returncode

        threading.Thread(target=wait, daemon=True).start()
        while self.code is None:
            time.sleep(_POLL_SECONDS)
        return self.code
