"""Building models without their pretrained weights."""

from __future__ import annotations

import pytest

from pali3kit.nn.pretrained import loads_pretrained, skip_pretrained


def test_weights_are_read_but_where_somebody_only_looks_at_shapes() -> None:
    assert loads_pretrained()
    with pytest.raises(ZeroDivisionError), skip_pretrained():
        assert not loads_pretrained()
        1 / 0  # noqa: B018
    assert loads_pretrained()
