from __future__ import annotations

import os

import pytest

from pali3kit.execution.environment import environment


def test_variables_are_set_for_a_while_and_put_back(monkeypatch):
    monkeypatch.setenv("PALI3KIT_OLD", "before")
    with environment({"PALI3KIT_OLD": "meanwhile", "PALI3KIT_NEW": "1", "PALI3KIT_GONE": "2"}):
        assert os.environ["PALI3KIT_OLD"] == "meanwhile" and os.environ["PALI3KIT_NEW"] == "1"
        del os.environ["PALI3KIT_GONE"]  # as Lightning removes WORLD_SIZE
    assert os.environ["PALI3KIT_OLD"] == "before"
    assert "PALI3KIT_NEW" not in os.environ and "PALI3KIT_GONE" not in os.environ


def test_they_are_put_back_after_an_error():
    with pytest.raises(ValueError), environment({"PALI3KIT_NEW": "1"}):
        raise ValueError
    assert "PALI3KIT_NEW" not in os.environ
