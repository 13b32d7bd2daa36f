"""Loggers record the same numbers as curve.csv, read back by their own libraries."""

from __future__ import annotations

import csv
import multiprocessing
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tiny_training import BUDGET, batch, module

from pali3kit.config.component import Component
from pali3kit.errors import RegistryError
from pali3kit.training.context import Execution, Logged, StageContext
from pali3kit.training.fit import fit
from pali3kit.training.loggers import open_logger

LOGGED = Logged("transfer/caption siglip", "transfer-0a1b2c3d4e5f")
Points = dict[int, float]


def trained(folder: Path, name: str, **options: object) -> Points:
    """Train with a logger; the losses of curve.csv by step."""
    folder.mkdir(exist_ok=True)
    execution = Execution(
        logger=Component(name=name, options={"folder": str(folder / "logs"), **options}),
        callbacks={"speed": Component(name="throughput", options={"every": 5})},
    )
    context = StageContext(folder, {}, 0, lambda done, total, **numbers: None, 1, execution, logged=LOGGED)
    fit(module(), batch, BUDGET, context)
    with (folder / "curve.csv").open() as file:
        return {int(row["step"]): float(row["loss"]) for row in csv.DictReader(file)}


def of_csv(folder: Path) -> tuple[Points, Points]:
    [file] = folder.rglob("metrics.csv")
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    return tuple(
        {int(row["step"]): float(row[key]) for row in rows if row.get(key)} for key in ("loss", "batches_per_second")
    )  # type: ignore[return-value]


def of_tensorboard(folder: Path) -> tuple[Points, Points]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder / "transfer-caption-siglip-0a1b2c3d4e5f"))
    events.Reload()
    return tuple({point.step: point.value for point in events.Scalars(key)} for key in ("loss", "batches_per_second"))  # type: ignore[return-value]


def of_mlflow(folder: Path) -> tuple[Points, Points]:
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    [run] = client.search_runs([client.get_experiment_by_name("pali3kit").experiment_id])
    assert (run.info.run_name, run.info.status) == (LOGGED.title, "FINISHED")
    return tuple(
        {point.step: point.value for point in client.get_metric_history(run.info.run_id, key)}
        for key in ("loss", "batches_per_second")
    )  # type: ignore[return-value]


def _wandb_records(file: Path) -> Iterator[bytes]:
    """The records of a log of wandb, which is LevelDB's: blocks of 32 KiB, chunks with a check sum, length and type."""
    data, place, record = file.read_bytes(), 7, b""  # behind the file's own header
    while place + 7 <= len(data):
        if 32768 - place % 32768 < 7:
            place += 32768 - place % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        record += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or its last chunk
            yield record
            record = b""


def of_wandb(folder: Path) -> tuple[Points, Points]:
    from wandb.proto import wandb_internal_pb2

    [file] = (folder / "wandb").glob("offline-run-*/run-*.wandb")
    losses, rates = Points(), Points()
    for data in _wandb_records(file):
        record = wandb_internal_pb2.Record.FromString(data)
        items = {(item.key or "/".join(item.nested_key)): item.value_json for item in record.history.item}
        if "trainer/global_step" in items:
            step = int(items["trainer/global_step"])
            losses |= {step: float(items["loss"])} if "loss" in items else {}
            rates |= {step: float(items["batches_per_second"])} if "batches_per_second" in items else {}
    return losses, rates


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("csv", of_csv),
        ("tensorboard", of_tensorboard),
        pytest.param("wandb", of_wandb, marks=pytest.mark.slow),  # starts a service, which takes seconds
        pytest.param("mlflow", of_mlflow, marks=pytest.mark.slow),  # creates its tables, likewise
    ],
)
def test_what_is_logged_equals_the_curve(
    tmp_path: Path, name: str, read: Callable[[Path], tuple[Points, Points]]
) -> None:
    pytest.importorskip("lightning" if name == "csv" else name, reason="an extra whose pins are not part of dev")
    curve = trained(tmp_path, name)
    losses, rates = read(tmp_path / "logs")
    assert losses == pytest.approx(curve, rel=1e-6)  # event files hold 32 bits
    assert len(curve) == 10 and list(rates) == [5, 10] and min(rates.values()) > 0


def test_without_a_logger_nothing_is_written(tmp_path: Path) -> None:
    context = StageContext(tmp_path, {}, 0, lambda done, total, **numbers: None, 1)
    fit(module(), batch, BUDGET, context)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curve.csv"]


@pytest.mark.parametrize("rank", [0, 1])
def test_every_rank_has_a_logger_for_its_callbacks(tmp_path: Path, rank: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A callback that asks for `trainer.logger` ended all ranks but the first."""

    class Built(Exception):
        pass

    def build(
        callbacks: object, steps: int, clip: float, execution: object, count: int, logger: object, profiler: object
    ) -> None:
        raise Built(type(logger).__name__)

    monkeypatch.setattr("pali3kit.training.fit.build_trainer", build)
    logger = Component(name="csv", options={"folder": str(tmp_path / "logs")})
    execution = Execution(logger=logger, rank=rank)
    context = StageContext(tmp_path, {}, 0, lambda done, total, **numbers: None, 1, execution, logged=LOGGED)
    with pytest.raises(Built, match="CSVLogger"):
        fit(module(), batch, BUDGET, context)


def test_names_are_those_of_stages() -> None:
    assert LOGGED.title == "transfer-caption-siglip-0a1b2c3d4e5f"
    assert Logged("evaluate/../x", "vision-1").title == "evaluate-..-x-1"
    with pytest.raises(RegistryError, match=r"unknown logger 'tensorbaord'. Did you mean 'tensorboard'"):
        open_logger(Component(name="tensorbaord"), LOGGED).__enter__()


def _connect(folder: str) -> None:
    with open_logger(Component(name="mlflow", options={"folder": folder}), LOGGED):
        pass


@pytest.mark.slow
def test_stages_that_begin_at_once_create_the_tables_of_mlflow_once(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="an extra whose pins are not part of dev")
    processes = [multiprocessing.get_context("spawn").Process(target=_connect, args=(str(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
