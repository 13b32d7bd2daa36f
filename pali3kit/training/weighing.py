"""What a stage's parts would weigh, found without allocating them: a plan must not fill the machine it plans for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from pali3kit.errors import StageError

TRAINED, USED = 16, 4  # bytes per parameter in fp32: with gradient and two moments, or alone


class Weighed(Exception):
    """Ends a rehearsal where measuring would begin; `bytes_each` of the parameters so far."""

    def __init__(self, bytes_each: int) -> None:
        super().__init__(bytes_each)
        self.bytes_each = bytes_each


def rehearsing() -> bool:
    """Whether parts are built without memory now."""
    return torch.get_default_device().type == "meta"


def demand_room(calibrate: Callable[[dict[str, Any], int], object], config: dict[str, Any], threads: int) -> None:
    """Raise StageError when what `calibrate` would build does not fit into the memory that is free here."""
    parameters, need = 0, 0

    def note(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal parameters
        parameters += parameter.numel() if parameter is not None else 0

    hook = register_module_parameter_registration_hook(note)
    try:
        with torch.device("meta"):
            calibrate(config, threads)
    except Weighed as found:
        need = found.bytes_each * parameters
    except Exception:  # a part that cannot be built without memory, an adapter of another library say, is not weighed
        return
    finally:
        hook.remove()
    free = available()
    if need > free:
        raise StageError(f"{parameters:,} parameters need {need / 1e9:.0f} GB, {free / 1e9:.0f} GB are free here")


def available() -> int:
    """Bytes of memory that are free, or could be."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
