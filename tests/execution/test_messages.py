from __future__ import annotations

import pytest

from pali3kit.execution.messages import Busy, Failed, Finished, Message, Progress, from_line, to_line


@pytest.mark.parametrize(
    "message",
    [Progress(1, 2, {"loss": 0.5}), Progress(0, 0, {}, "a\nb"), Finished(1.5, {"x": 1.0}), Failed("é"), Busy()],
)
def test_a_message_survives_as_one_line(message: Message) -> None:
    line = to_line(message)
    assert "\n" not in line and from_line(line) == message
