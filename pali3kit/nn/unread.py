"""Models of the right shape without the weights that they name: to be weighed or timed, not to be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_reads = ContextVar("reads", default=True)


def reads_weights() -> bool:
    """Whether whoever builds a model reads the weights that are named for it."""
    return _reads.get()


@contextmanager
def unread() -> Iterator[None]:
    """Meanwhile models are built with random weights, whatever they name, and nothing is fetched for them but their
    configuration.
    """
    before = _reads.set(False)
    try:
        yield
    finally:
        _reads.reset(before)
