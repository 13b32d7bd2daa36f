"""Plain text in files."""

from __future__ import annotations

from pathlib import Path

from pali3kit.data.text import TextSource


def test_lines_are_texts(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffÀ la  carte\r\n\nзима\n".encode() + b"caf\xe9")
    assert sorted(TextSource(str(tmp_path)).sentences(0, 16)) == ["caf\ufffd", "À la carte", "зима"]
