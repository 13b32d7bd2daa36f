"""Signals that ask a training to stop."""

from __future__ import annotations

import os
import signal

import pytest

from pali3kit.training.stopping import STOP_SIGNALS, StopRequest


@pytest.mark.parametrize("number", STOP_SIGNALS)
@pytest.mark.parametrize("ignored", [False, True])
def test_a_signal_is_noted_unless_it_is_ignored(number: signal.Signals, ignored: bool) -> None:
    """SIGHUP is ignored under nohup, and all but SIGTERM in worker processes: their parent decides what to stop."""
    before = {one: signal.getsignal(one) for one in STOP_SIGNALS}
    request = StopRequest()
    try:
        signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
        request.listen()
        os.kill(os.getpid(), number)
        assert request.came is not ignored
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
