"""Profilers of trainings: Lightning's. Each artifact has a folder of its own, named after its stage."""

from __future__ import annotations

from pathlib import Path

from lightning.pytorch.profilers import AdvancedProfiler, Profiler, PyTorchProfiler, SimpleProfiler

from pali3kit.config.component import Component
from pali3kit.registry import PROFILER
from pali3kit.training.context import Logged

_FOLDER = "runs/profiles"
_FILE = "profile"


def build_profiler(component: Component | None, logged: Logged) -> Profiler | None:
    """The profiler of a stage; None without one. Raises RegistryError for an unknown name or option."""
    return None if component is None else PROFILER.build(component.name, logged, **component.options)


@PROFILER.register("simple", "seconds of each action of the training loop", folders=("folder",))
def _simple(logged: Logged, folder: str = _FOLDER) -> SimpleProfiler:
    """Write how often each action ran and how long it took to `folder/STAGE/fit-profile.txt`."""
    return SimpleProfiler(dirpath=Path(folder) / logged.title, filename=_FILE)


@PROFILER.register("advanced", "seconds of each Python function, by action", folders=("folder",))
def _advanced(logged: Logged, folder: str = _FOLDER) -> AdvancedProfiler:
    """Write what cProfile finds for each action to `folder/STAGE/fit-profile.txt`; it slows training down."""
    return AdvancedProfiler(dirpath=Path(folder) / logged.title, filename=_FILE)


@PROFILER.register("pytorch", "torch's operations in three steps, with a trace", folders=("folder",))
def _pytorch(logged: Logged, folder: str = _FOLDER) -> PyTorchProfiler:
    """Write a table of operations to `folder/STAGE/fit-profile.txt` and beside it traces (`*.pt.trace.json`), for
    `chrome://tracing` and Perfetto; of the third to the fifth step.
    """
    return PyTorchProfiler(dirpath=Path(folder) / logged.title, filename=_FILE)
