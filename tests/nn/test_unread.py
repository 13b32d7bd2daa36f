"""Models without the weights that they name."""

from __future__ import annotations

import pytest

from pali3kit.nn.unread import reads_weights, unread


def test_weights_are_read_but_where_somebody_only_looks_at_shapes() -> None:
    assert reads_weights()
    with pytest.raises(ZeroDivisionError), unread():
        assert not reads_weights()
        1 / 0  # noqa: B018
    assert reads_weights()
