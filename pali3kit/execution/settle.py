"""How every process begins a stage, and how it says in one line why it failed."""

from __future__ import annotations

import random
import sys
from typing import Any

from pali3kit.errors import Pali3Error


def settle(threads: int, seed: int) -> None:
    """Fix threads and global random states, so that a stage does not depend on what its worker made before."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        torch: Any = sys.modules["torch"]
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time


def reason(error: BaseException) -> str:
    """Say an error in one line; our own errors speak for themselves."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, Pali3Error) else f"{type(error).__name__}: {text}"
