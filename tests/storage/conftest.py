"""A server of files, and a cache of each test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import FileServer, serving

from pali3kit.storage import systems


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("PALI3KIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(systems, "PAUSES", (0.0, 0.0))
    with serving() as files:
        yield files
