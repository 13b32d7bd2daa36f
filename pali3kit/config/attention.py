"""Which attention the encoder of `ul2` can use on this machine, found without importing torch.

`language.attention` decides when it runs; this module repeats its rules for `check` and `plan`.
"""

from __future__ import annotations

import os
from glob import glob
from importlib.util import find_spec

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.arms import varied_values
from pali3kit.config.budgets import known_benchmarks
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError

GPU_DEVICES = ("/dev/nvidia[0-9]*", "/dev/dxg", "/dev/kfd")  # of CUDA, of CUDA under Windows' WSL, of ROCm


def describe_attention(experiment: Experiment) -> str:
    """One line on the attention of `ul2`'s encoder, and why xformers cannot be used; "" if it is not trained, or where
    there is nothing to choose: no GPU, and no backend that is asked for.
    """
    if not _trains_ul2(experiment):
        return ""
    backend = experiment.runtime.attention
    if why := _why_not(backend):
        return f"attention of ul2's encoder: '{backend}' cannot run here, {why}: take auto, sdpa or chunked."
    if backend != "auto":
        return f"attention of ul2's encoder: {backend}, as runtime.attention says."
    if not _has_gpu():
        return ""
    taken = "torch's, or flex where its bias has more than 256 MiB"
    why = _why_not("xformers")
    return f"attention of ul2's encoder: {taken}; xformers " + (f"cannot run here, {why}." if why else "if asked for.")


def require_attention_backend(experiment: Experiment) -> None:
    """Raises ConfigError where the attention that `runtime.attention` names cannot run on this machine."""
    if _trains_ul2(experiment) and _why_not(experiment.runtime.attention):
        raise ConfigError([describe_attention(experiment)])


def _trains_ul2(experiment: Experiment) -> bool:
    models = [experiment.model.language, *varied_values(experiment, "model.language")]
    names = {each.get("name") if isinstance(each, dict) else getattr(each, "name", each) for each in models}
    asked = known_benchmarks(experiment)
    return "ul2" in names and any(BENCHMARK.find(name).scored in ("generate", "loss") for name in asked)


def _why_not(backend: str) -> str:
    """Why a backend cannot train on this machine, "" where it can."""
    if backend == "xformers" and find_spec("xformers") is None:
        return "where xformers is not installed (there are builds for Linux and Windows alone)"
    if backend in ("flex", "xformers") and not _has_gpu():
        return "without a GPU"
    return ""


def _has_gpu() -> bool:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return not hidden and any(map(glob, GPU_DEVICES))
