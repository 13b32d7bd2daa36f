"""A cluster of one node: a real SLURM that runs as long as a test, with a configuration of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIGURATION = """\
ClusterName=pali3kit
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=30
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=2000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def is_installed() -> bool:
    return all(map(shutil.which, ("slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel")))


@contextmanager
def node(folder: Path) -> Iterator[dict[str, str]]:
    """The variables by which SLURM's commands find it. All of its processes have ended afterwards.

    Raises RuntimeError where it does not start: this user or machine may not be able to.
    """
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    values = {"host": socket.gethostname(), "user": getpass.getuser(), "ports": _free_ports(), "folder": folder}
    (folder / "slurm.conf").write_text(CONFIGURATION.format(**values))
    found = {"SLURM_CONF": str(folder / "slurm.conf")}
    variables = {**os.environ, **found}
    daemons = []
    try:
        for command in (["slurmctld", "-D", "-i", "-c"], ["slurmd", "-D"]):
            with (folder / f"{command[0]}.out").open("wb") as output:
                daemons.append(subprocess.Popen(command, env=variables, stdout=output, stderr=output))
        _wait(lambda: "idle" in _output(["sinfo", "-h", "-o", "%T"], variables), 60, folder)
        yield found
    finally:
        subprocess.run(["scancel", "--quiet", "--user", getpass.getuser()], env=variables, check=False)
        if daemons and all(daemon.poll() is None for daemon in daemons):
            _wait(lambda: not _output(["squeue", "-h"], variables).strip(), 90, folder)
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait(60)


def _free_ports() -> list[int]:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in (first, second)]


def _output(command: list[str], variables: dict[str, str]) -> str:
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=False).stdout


def _wait(condition, seconds: float, folder: Path) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("\n".join(file.read_text() for file in folder.glob("*.out")))
        time.sleep(0.5)
