"""A switch for building models without their pretrained weights: to measure size and speed, not to use them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_loads = ContextVar("loads", default=True)


def loads_pretrained() -> bool:
    """Whether constructors are to load the pretrained weights that they are given: False within `skip_pretrained`."""
    return _loads.get()


@contextmanager
def skip_pretrained() -> Iterator[None]:
    """Within it, models are built with random weights. Of pretrained ones nothing but the configuration is fetched."""
    token = _loads.set(False)
    try:
        yield
    finally:
        _loads.reset(token)
