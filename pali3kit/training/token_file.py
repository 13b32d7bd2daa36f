"""Token ids on disk: a one-dimensional `.npy` file, appended block by block and read memory-mapped."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.lib.format import dtype_to_descr, write_array_header_1_0
from numpy.typing import NDArray

from pali3kit import durable
from pali3kit.errors import DataError

_TOKENS, _PROGRESS = "tokens.npy", "progress.json"


class TokenFile:
    """Appends texts' tokens to `folder/tokens.npy`, and continues after the last `save` where a process was killed.

    The file grows as it is written, since its final size is not known before: a full disk raises OSError, and what was
    saved is kept. NumPy's header leaves room for any length (`numpy.lib.format`), so that it is rewritten in place.

    Attributes:
        texts, tokens: how many the file has.
    """

    def __init__(self, folder: Path, vocabulary: int) -> None:
        self.path, self.progress = folder / _TOKENS, folder / _PROGRESS
        self.dtype = np.dtype(np.uint16 if vocabulary <= 1 << 16 else np.uint32)
        saved = json.loads(self.progress.read_text()) if self.progress.exists() else {}
        self.texts, self.tokens = int(saved.get("texts", 0)), int(saved.get("tokens", 0))

    def __enter__(self) -> TokenFile:
        self.file = self.path.open("r+b" if self.tokens else "w+b")
        self._write_header()
        self.file.seek(self.tokens * self.dtype.itemsize, 1)
        self.file.truncate()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.file.close()

    def append(self, texts: int, ids: NDArray[np.integer]) -> None:
        """Append the ids of so many texts."""
        self.file.write(ids.astype(self.dtype).data)
        self.texts, self.tokens = self.texts + texts, self.tokens + len(ids)

    def save(self) -> None:
        """Make the file whole on the disk, and note how far it goes."""
        self.file.seek(0)
        self._write_header()
        self.file.seek(0, 2)
        self.file.flush()
        durable.sync(self.path)
        durable.write_atomically(self.progress, json.dumps({"texts": self.texts, "tokens": self.tokens}).encode())

    def _write_header(self) -> None:
        shape = {"descr": dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.tokens,)}
        write_array_header_1_0(self.file, shape)


def read_windows(folder: Path, length: int) -> NDArray[np.unsignedinteger]:
    """The windows of `length` tokens in `folder/tokens.npy`, `[N, length]`, memory-mapped; an incomplete last one is
    dropped.

    Raises:
        DataError: there is not enough text for one window.
    """
    tokens: NDArray[np.unsignedinteger] = np.load(folder / _TOKENS, mmap_mode="r")
    if len(tokens) < length:
        raise DataError(f"the text has {len(tokens)} tokens: not enough for one window of {length}")
    return tokens[: len(tokens) // length * length].reshape(-1, length)
