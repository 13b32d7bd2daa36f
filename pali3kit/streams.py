"""Standard output and error that never raise: a pipe may be closed, a disk full, an encoding ASCII only. Consoles."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.console import Console


class _FailsafeFile(io.FileIO):
    """A file whose writes never raise: after the first error, kept in `error`, all output is dropped."""

    error: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what can be written; a full non-blocking pipe is waited for."""
        while self.error is None:
            try:
                count: int | None = super().write(data)
                if count is not None:
                    return count
                select.select([], [self], [])
            except OSError as error:
                self.error = error
        return memoryview(data).nbytes


def new_console(error: bool = False) -> Console:
    """A console of rich on standard output, or on standard error.

    It animates nothing where that is no terminal: notebooks set FORCE_COLOR, and keep each state of a progress bar.
    """
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    return Console(stderr=error, force_interactive=None if stream is not None and stream.isatty() else False)


@contextmanager
def failsafe_output() -> Iterator[_FailsafeFile | None]:
    """Within this context, printing never raises; characters that the encoding lacks are printed as escapes.

    Yields the file behind standard output, or None if there is none, as in a notebook or test.
    """
    _open_missing_streams()
    out, error = _wrapped(sys.stdout, 1), _wrapped(sys.stderr, 2)
    with redirect_stdout(out), redirect_stderr(error):
        try:
            yield _raw(out)
        finally:
            for stream in (out, error):
                with suppress(OSError, ValueError):
                    stream.flush()


def _open_missing_streams() -> None:
    """Open closed standard streams to /dev/null: the next opened file would get their descriptors."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _wrapped(stream: TextIO | None, number: int) -> TextIO:
    """A failsafe stream over the same file; a stream without a file, or a failsafe one, is returned as it is."""
    encoding, terminal = "utf-8", False
    if stream is not None:
        if not isinstance(stream, io.TextIOWrapper) or _raw(stream) is not None:
            return stream
        try:
            number, encoding, terminal = stream.fileno(), stream.encoding, stream.isatty()
        except (OSError, ValueError):
            return stream
        with suppress(OSError, ValueError):
            stream.flush()
    buffer = io.BufferedWriter(_FailsafeFile(number, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding, errors="backslashreplace", line_buffering=terminal)


def _raw(stream: TextIO) -> _FailsafeFile | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, _FailsafeFile) else None
