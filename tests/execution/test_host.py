from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from pali3kit.config.runtime import Runtime, StageRuntime
from pali3kit.execution import host


def test_this_machine_has_a_core_and_a_name():
    assert host.cores() >= 1 and host.processor()


@pytest.mark.parametrize(
    ("runtime", "cells", "expected"),
    [
        (Runtime(), 2, (2, 4)),
        (Runtime(), 1, (1, 8)),
        (Runtime(), 100, (8, 1)),
        (Runtime(), 0, (1, 8)),
        (Runtime(parallel_stages=3), 2, (3, 2)),
        (Runtime(parallel_stages=16), 2, (16, 1)),
        (Runtime(parallel_stages=1, threads=1), 2, (1, 1)),
        (Runtime(devices=4), 100, (2, 4)),
        (Runtime(stages={"vision": StageRuntime(devices=4)}), 100, (2, 4)),
        (Runtime(stages={"vision": StageRuntime(nodes=2, devices=8)}), 100, (8, 1)),
        (Runtime(devices=16), 100, (1, 8)),
    ],
)
def test_workers_share_the_threads(monkeypatch, runtime, cells, expected):
    monkeypatch.setattr(host, "cores", lambda: 8)
    monkeypatch.setattr(host, "_gpus", lambda: [])
    assert host.divide_cores(runtime, cells) == expected


@pytest.mark.parametrize(("runtime", "expected"), [(Runtime(), (4, 2)), (Runtime(devices=2), (2, 4))])
def test_each_worker_has_gpus_of_its_own(monkeypatch, runtime, expected):
    monkeypatch.setattr(host, "cores", lambda: 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5, 6,7")
    assert host.divide_cores(runtime, 100) == expected
    given = [host.gpus_of(runtime, worker, runtime.devices) for worker in range(expected[0])]
    assert ",".join(each["CUDA_VISIBLE_DEVICES"] for each in given) == "4,5,6,7"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert host.gpus_of(Runtime(), 0) == {}


def test_stages_of_few_ranks_leave_the_gpus_of_other_workers_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3,4,5,6,7")
    runtime = Runtime(stages={"vision": StageRuntime(devices=4), "transfer": StageRuntime(devices=2)})
    given = [host.gpus_of(runtime, *each)["CUDA_VISIBLE_DEVICES"] for each in ((0, 4), (1, 1), (1, 2))]
    assert given == ["0,1,2,3", "4", "4,5"]


@pytest.fixture
def bare(monkeypatch):
    """A system without `/proc`, `/sys` and affinities, as macOS is."""

    def absent(path, *_, **__):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", absent)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    for known in (host.cores, host.processor):
        known.cache_clear()
    yield monkeypatch
    for known in (host.cores, host.processor):
        known.cache_clear()


def test_a_system_with_little_information(bare):
    bare.setattr(os, "cpu_count", lambda: 6)
    bare.setattr(platform, "processor", lambda: "")
    bare.setattr(platform, "machine", lambda: "arm64")
    assert (host.cores(), host.processor()) == (6, "arm64")


def test_a_system_without_information(bare):
    bare.setattr(os, "cpu_count", lambda: None)
    assert host.cores() == 1
