"""Images for files of records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def image() -> Callable[..., Path]:
    """Writes a grey PNG, whatever its name says, and returns its path."""

    def write(path: Path, width: int = 8, height: int = 6, shade: int = 0) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (shade,) * 3).save(path, "png")
        return path

    return write
