"""`plan --json`: another program can make a run by its commands."""

from __future__ import annotations

import json

import pytest

from pali3kit.commands import experiments
from pali3kit.config.saved import EXPERIMENT, to_yaml
from pali3kit.errors import StageError
from pali3kit.execution import estimates
from pali3kit.execution.step_list import list_steps
from pali3kit.run import main
from pali3kit.training.context import MemoryProfile


@pytest.fixture(autouse=True)
def unprofiled(monkeypatch):
    """Processes that profile are tested elsewhere."""
    monkeypatch.setattr(estimates.Forecast, "calibrate", lambda *_, **__: None)


def test_its_commands_make_the_run_in_any_order_that_heeds_parents(bench, experiment, monkeypatch, capsys):
    folder = bench.root / "runs" / "fake"
    folder.mkdir(parents=True)
    (folder / EXPERIMENT).write_text(to_yaml(experiment))
    monkeypatch.setattr(experiments, "load", lambda *_: experiment)
    monkeypatch.setattr(experiments, "find_experiment", lambda place: folder)
    assert main(["plan", str(folder), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    steps = {step["name"]: step for step in listed["steps"]}
    assert len(steps) == 26 and listed["hardware"] is None
    waiting = list(reversed(steps.values()))
    while waiting:
        step = next(s for s in waiting if not any(parent in {w["name"] for w in waiting} for parent in s["parents"]))
        waiting.remove(step)
        assert step["command"][1:3] == ["-m", "pali3kit.run"] and step["ranks"] == 1
        assert main(step["command"][3:]) == 0, step["label"]
    assert list_steps(experiment, "x", [])["steps"] == []
    assert [path.name for path in bench.artifacts()] == sorted(steps)


def test_settings_go_to_each_command_and_ranks_are_told(experiment):
    experiment.runtime.nodes, experiment.runtime.devices = 2, 5
    listed = list_steps(experiment, "a.yaml", ["scale=smoke"])
    by_kind = {step["kind"]: step for step in listed["steps"]}
    assert by_kind["multimodal"]["command"][3:] == ["step", "a.yaml", by_kind["multimodal"]["name"], "scale=smoke"]
    assert (by_kind["multimodal"]["nodes"], by_kind["multimodal"]["ranks"]) == (2, 10)
    assert by_kind["tokenizer"]["ranks"] == 1 and by_kind["tokenizer"]["gib"] is None


def test_an_accelerator_has_hours_and_refuses_what_it_cannot_hold(experiment, monkeypatch):
    profile = MemoryProfile(10, state=2 << 30, flops=10**12)
    monkeypatch.setattr(estimates.Forecast, "_calibrated", lambda self, step: (None, profile))
    experiment.runtime.hardware = "h100"
    step = next(step for step in list_steps(experiment, "x", [])["steps"] if step["kind"] == "multimodal")
    assert step["gib"] == 2.0 and step["flops"] == 3e14
    assert step["hours"] == pytest.approx(3e14 / (989e12 * 0.4) / 3600)
    experiment.runtime.memory = 1.5
    with pytest.raises(StageError, match=r"\(2 GiB\).*: more than the 1\.5 GiB of a device\. To save memory: "):
        list_steps(experiment, "x", [])
