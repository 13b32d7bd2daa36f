from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

from pali3kit.config.schema import Runtime
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
    ],
)
def test_workers_share_the_threads(monkeypatch, runtime, cells, expected):
    monkeypatch.setattr(host, "cores", lambda: 8)
    assert host.divide_cores(runtime, cells) == expected


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
