"""Throughput and MFU as logged values: FLOPs as torch counts them, absent where they would be wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from tiny_training import BUDGET, batch, module
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from pali3kit.config.component import Component
from pali3kit.training import throughput
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.fit import fit
from pali3kit.training.modules import StageModule

PEAK = 10**10


def logged(folder: Path, trained: StageModule) -> list[dict[str, float]]:
    """Train with the callback; what it has logged, by time."""
    execution = Execution(
        logger=Component(name="csv", options={"folder": str(folder / "logs")}),
        callbacks={"speed": Component(name="throughput", options={"every": 5})},
    )
    with sdpa_kernel(SDPBackend.MATH):
        fit(trained, batch, BUDGET, StageContext(folder, {}, 0, lambda done, total, **numbers: None, 1, execution))
    [file] = (folder / "logs").rglob("metrics.csv")
    with file.open() as lines:
        rows = [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(lines)]
    return [row for row in rows if "batches_per_second" in row]


@pytest.fixture
def known_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throughput, "_peak_flops", lambda device, precision: PEAK)


def test_mfu_is_the_share_of_a_known_peak(tmp_path: Path, known_peak: None) -> None:
    counter = FlopCounterMode(display=False)
    with sdpa_kernel(SDPBackend.MATH), counter:
        trained = module()
        trained.losses(batch(0))["loss"].backward()
    rows = logged(tmp_path, module())
    assert [row["step"] for row in rows] == [5, 10]
    for row in rows:
        per_batch = row["flops_per_second"] / row["batches_per_second"]
        assert per_batch == pytest.approx(counter.get_total_flops()) and per_batch > 0  # without Muon's own products
        assert row["mfu"] == pytest.approx(row["flops_per_second"] / PEAK) and 0 <= row["waiting_for_data"] < 1


def test_on_a_cpu_and_with_gradient_checkpointing_there_is_no_mfu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"step", "batches_per_second", "waiting_for_data"}
    assert [set(row) for row in logged(tmp_path / "cpu", module())] == [names] * 2
    monkeypatch.setattr(throughput, "_peak_flops", lambda device, precision: PEAK)
    recomputed = module()
    recomputed.model.vision.set_gradient_checkpointing(True)
    assert [set(row) for row in logged(tmp_path / "recomputed", recomputed)] == [names] * 2


@pytest.mark.parametrize(
    ("backend", "counted"),
    [("eager", True), ("sdpa", True), ("xformers", True), ("chunked", False), ("flex", False), ("auto", False)],
)
def test_an_attention_says_whether_it_can_be_counted(backend: str, counted: bool) -> None:
    model = torch.nn.Module()
    model.attention = backend
    assert throughput._is_uncountable(model) != counted
    model.attention = torch.nn.Linear(1, 1)
    assert not throughput._is_uncountable(model)


def test_counting_changes_nothing(tmp_path: Path, known_peak: None) -> None:
    counted, plain = module(), module()
    logged(tmp_path, counted)
    with sdpa_kernel(SDPBackend.MATH):
        fit(plain, batch, BUDGET, StageContext(tmp_path, {}, 0, lambda *_, **__: None, 1))
    for one, other in zip(counted.parameters(), plain.parameters(), strict=True):
        assert torch.equal(one, other)
