"""What every process does before a stage, and how it reports an error in one line."""

from __future__ import annotations

import random
import sys
from typing import Any

from pali3kit.errors import Pali3Error


def seed_and_set_threads(threads: int, seed: int) -> None:
    """Set threads, global random seeds and precision, so that a stage does not depend on what its worker ran before.

    On CPUs equal stages give equal bytes. On GPUs they do not: the gradients of fused attention, for instance, are not
    deterministic.
    """
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        torch: Any = sys.modules["torch"]
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)  # some operations have no such algorithm on GPUs
        # TF32 for what is fp32 on GPUs. The newer `fp32_precision` cannot be mixed with this, which Lightning reads.
        torch.backends.cuda.matmul.allow_tf32 = True
        torch.utils.deterministic.fill_uninitialized_memory = False  # it helps debugging only, and costs time


def error_in_one_line(error: BaseException) -> str:
    """The message of an error, preceded by its type unless it is one of ours."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, Pali3Error) else f"{type(error).__name__}: {text}"
