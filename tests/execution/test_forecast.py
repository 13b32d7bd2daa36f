from __future__ import annotations

import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fakes import Loose
from rich.console import Console
from safetensors.numpy import save_file

from pali3kit.config.load import load
from pali3kit.errors import StageError
from pali3kit.execution import forecast
from pali3kit.execution.estimates import Forecast
from pali3kit.execution.forecast import _as_time, _count_parameters, _simulate, _states, expected_time
from pali3kit.execution.needs import find_needs
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.training.context import MemoryProfile

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def test_a_plan_calibrates_once_and_trains_nothing(bench):
    first = bench.run("plan")
    assert "26 of 26 stages to run on 2 x 1 threads" in first
    assert not bench.artifacts() and not (bench.control / "started").exists()
    calibration = bench.root / "store" / "calibration.json"
    known = json.loads(calibration.read_text())
    assert sorted({cost["seconds"] for cost in known.values()}) == [0.25, 0.5]
    before = calibration.stat().st_mtime_ns
    assert bench.run("plan") == first
    assert calibration.stat().st_mtime_ns == before
    row = next(line for line in first.splitlines() if "transfer/vqa classif" in line)
    assert re.search(r"will run.*200.*50 s.*calibrated", row)


def test_a_finished_run_has_nothing_left_to_forecast(finished):
    output = finished.run("plan")
    assert "0 of 26 stages to run" in output and "about 0 s" in output
    assert "will run" not in output and "its manifest" in output


def test_a_plan_tells_what_is_at_a_url_and_whether_it_is_copied(finished, experiment, tmp_path):
    graph, url = build(experiment), f"file://{finished.root}/store"
    store = Store(tmp_path / "store", read_from=[url])
    needs = find_needs(graph, store)
    by_digest = _states(needs, store)
    states = {step.kind: by_digest[step.digest] for step in graph.steps}
    assert (states["probe"], states["vision"]) == (("[green]copy", url), ("not needed", url))


def test_a_plan_tells_what_several_nodes_make(bench):
    output = bench.run("plan", "nodes")
    told = "needs 2 nodes: a run prints the commands that launch it"
    assert [line for line in output.splitlines() if "nodes" in line] == [
        f"multimodal classif {told}",
        f"multimodal siglip {told}",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(3.2, "3 s"), (99, "99 s"), (150, "2 min"), (7200, "2.0 h")])
def test_durations(seconds, text):
    assert _as_time(seconds) == text


def test_disk_space_is_reported_with_what_is_free(bench, monkeypatch):
    monkeypatch.setattr(forecast, "disk_usage", lambda path: SimpleNamespace(free=1 << 31))
    root = bench.root / "store"
    what = "features of frozen encoders and the corpus will take"
    assert forecast._disk_needed(3 << 28, root) == (f"{what} 0.75 GiB in {root}", "")
    assert forecast._disk_needed(3 << 30, root) == (
        f"{what} 3 GiB in {root}, where 2 are free: lower data.train or stages.language.examples, or store no"
        " features with data.cache=false",
        "yellow",
    )


def test_every_image_takes_disk_space(bench):
    store, experiment = Store(bench.root / "store"), load(EXPERIMENTS / "ablate_classif.yaml", ["scale=smoke"])
    (step,) = [n for n in build(experiment).steps if n.label == "features/train classif"]
    known = Forecast(store, 1)
    known.calibrated = {known._key(step): {"seconds": 0.1, "disk": 1024}}
    assert known.estimate(step).disk == 64 * 1024


def test_simulated_schedules():
    first = Step("tokenizer", "first", Loose({}))
    arms = [Step("vision", "", Loose({"n": n}), 0, {"t": first}) for n in range(3)]
    last = Step("probe", "", Loose({}), 0, {"v": arms[0]})
    steps = [first, *arms, last]
    seconds = {first.digest: 1.0, **{arm.digest: 10.0 for arm in arms}, last.digest: 5.0}
    assert _simulate(steps, seconds, 1) == 36.0
    assert _simulate(steps, seconds, 2) == 21.0
    assert _simulate(steps, seconds, 3) == 16.0
    assert _simulate([], {}, 2) == 0.0


def test_parameters_are_counted_from_the_header(tmp_path):
    save_file({"w": np.zeros((3, 4), np.float16), "scale": np.zeros((), np.float32)}, tmp_path / "w.safetensors")
    assert _count_parameters(tmp_path / "w.safetensors") == 13
    assert _count_parameters(tmp_path / "none.safetensors") is None
    (tmp_path / "bad.safetensors").write_text("no weights at all")
    assert _count_parameters(tmp_path / "bad.safetensors") is None


def test_a_plan_for_an_accelerator_measures_nothing_and_refuses_what_does_not_fit(experiment, monkeypatch):
    """Every step has 1e15 FLOPs an example: 100 examples of training, thrice, at 40% of 989 TFLOP/s."""
    monkeypatch.setattr(Forecast, "calibrate", lambda *_, timed, **__: asked.append(timed))
    monkeypatch.setattr(Forecast, "_calibrated", lambda *_: (None, MemoryProfile(10, state=2 << 30, flops=10**15)))
    asked: list[bool] = []
    experiment.runtime.hardware = "h100"
    console = Console(width=200, record=True, file=io.StringIO())
    forecast.plan(experiment, console)
    told = console.export_text()
    assert asked == [False] and not (Path(experiment.runtime.store) / "calibration.json").exists()
    assert re.search(r"multimodal siglip +will run +100 .* 3.0e\+17 +1 x 1 +2 +13 min +its shapes", told)
    assert "26 of 26 stages to run on h100 at 40% of 989 TFLOP/s, " in told
    experiment.runtime.memory = 1.0
    with pytest.raises(StageError, match=r"multimodal siglip \(2 GiB\).*: more than the 1 GiB of a device"):
        forecast.plan(experiment, console)


def test_the_first_guess_of_a_run_is_of_the_right_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`which_encoder_quick` took 45 core-minutes; a guess that took an image for a set said 41 hours on two cores."""
    monkeypatch.chdir(tmp_path)
    missing = list(build(load(EXPERIMENTS / "which_encoder_quick.yaml", ["runtime.read_from=[]"])).steps)
    seconds = Forecast(Store(tmp_path / "store"), 1).seconds(missing)
    assert 45 * 60 / 3 < sum(seconds.values()) < 45 * 60 * 3
    assert max(seconds.values()) < 30 * 60
    assert re.fullmatch(
        r"about \d\d min of work, \d+ stages only guessed at, as if with models of the scale embedded on a slow core:"
        " `plan` measures first",
        expected_time(Forecast(Store(tmp_path / "store"), 1), missing, 2),
    )
