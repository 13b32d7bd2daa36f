"""Images for files of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from file_server import FileServer, serving
from PIL import Image

from pali3kit.storage import systems


@pytest.fixture
def image() -> Callable[..., Path]:
    """Writes a grey PNG, whatever its name says, and returns its path."""

    def write(path: Path, width: int = 8, height: int = 6, shade: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (shade,) * 3).save(path, "png")
        return path

    return write


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server of files, and a cache of the test's own."""
    monkeypatch.setenv("PALI3KIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(systems, "PAUSES", ())
    with serving() as files:
        yield files
