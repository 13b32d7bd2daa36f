from __future__ import annotations

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
        (Runtime(workers=3), 2, (3, 2)),
        (Runtime(workers=16), 2, (16, 1)),
        (Runtime(workers=1, threads=1), 2, (1, 1)),
    ],
)
def test_threads_are_what_the_workers_leave(monkeypatch, runtime, cells, expected):
    monkeypatch.setattr(host, "cores", lambda: 8)
    assert host.allot(runtime, cells) == expected
