"""Standard output and error that cannot stop the work: whoever reads along may leave, be full, or know only ASCII."""

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


class Lasting(io.FileIO):
    """A file whose writes do not fail: what nobody takes is lost, and `lost` says why."""

    lost: OSError | None = None

    def write(self, data: ReadableBuffer, /) -> int:
        """Write what can be written. A pipe that does not block is waited for."""
        while self.lost is None:
            try:
                count: int | None = super().write(data)
                if count is not None:
                    return count
                select.select([], [self], [])
            except OSError as error:
                self.lost = error
        return memoryview(data).nbytes


@contextmanager
def lasting() -> Iterator[Lasting | None]:
    """Within it, printing to standard output and error never raises; signs that an encoding lacks are numbered.

    Yields what is written to for standard output, None where that is no file: a notebook, a test.
    """
    _occupy()
    out, error = _wrapped(sys.stdout, 1), _wrapped(sys.stderr, 2)
    with redirect_stdout(out), redirect_stderr(error):
        try:
            yield _raw(out)
        finally:
            for stream in (out, error):
                with suppress(OSError, ValueError):
                    stream.flush()


def _occupy() -> None:
    """Open the standard streams that were closed, to nothing: else the next file that is opened takes their place."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _wrapped(stream: TextIO | None, number: int) -> TextIO:
    """A stream over the same file that lasts; what is no file, or lasts already, as it is."""
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
    buffer = io.BufferedWriter(Lasting(number, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding, errors="backslashreplace", line_buffering=terminal)


def _raw(stream: TextIO) -> Lasting | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Lasting) else None
