"""Lightning's profilers of a training: their files, and where the run says that they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_training import BUDGET, batch, module

from pali3kit.config.component import Component
from pali3kit.errors import RegistryError
from pali3kit.training.context import Execution, Logged, StageContext
from pali3kit.training.fit import fit
from pali3kit.training.profilers import build_profiler

LOGGED = Logged("transfer/caption siglip", "transfer-0a1b2c3d4e5f")


@pytest.mark.parametrize(
    ("name", "told"), [("simple", "run_training_batch"), ("advanced", "function calls"), ("pytorch", "aten::")]
)
def test_a_training_is_profiled(tmp_path: Path, name: str, told: str) -> None:
    said: list[str] = []
    options = {"folder": str(tmp_path / "profiles")}
    execution = Execution(profiler=Component(name=name, options=options))
    context = StageContext(
        tmp_path, {}, 0, lambda done, total, **numbers: None, 1, execution, said.append, logged=LOGGED
    )
    fit(module(), batch, BUDGET, context)
    folder = tmp_path / "profiles" / "transfer-caption-siglip-0a1b2c3d4e5f"
    assert said == [f"profile in {folder}"]
    [file] = folder.glob("fit-profile*.txt")
    assert told in file.read_text()
    traces = list(folder.glob("*.pt.trace.json"))
    assert bool(traces) == (name == "pytorch")
    assert all(json.loads(trace.read_bytes())["traceEvents"] for trace in traces)


def test_an_unknown_one_is_an_error() -> None:
    assert build_profiler(None, LOGGED) is None
    with pytest.raises(RegistryError, match=r"unknown profiler 'sinple'. Did you mean 'simple'"):
        build_profiler(Component(name="sinple"), LOGGED)
