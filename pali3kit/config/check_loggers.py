"""Checks of loggers and callbacks: the packages that they need."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.schema import Experiment
from pali3kit.registry import LOGGER


def check_loggers(experiment: Experiment) -> Iterator[KeyProblem]:
    """Check that the packages of the logger are installed."""
    logger = experiment.runtime.logger
    if logger is None:
        return
    if absent := [name for name in LOGGER.describe(logger.name).needs if find_spec(name) is None]:
        key = "runtime.logger"
        yield key, f"{key} '{logger.name}' needs {' and '.join(absent)}: pip install 'pali3kit[{logger.name}]'."
