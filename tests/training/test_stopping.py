"""SIGTERM as a request to stop."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from pali3kit.training.stopping import TERMINATED, StopRequest


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_signal_is_noted() -> None:
    request = StopRequest()
    request.listen()
    assert not request.came
    os.kill(os.getpid(), signal.SIGTERM)
    assert request.came and TERMINATED == 143


def test_other_threads_do_not_listen() -> None:
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=StopRequest().listen)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before
