"""Checks where a run reads and writes artifacts: a place that silently did not count could mean hours of training."""

from __future__ import annotations

import os
from collections.abc import Iterator

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.missing_files import beside
from pali3kit.config.paths import PACKAGE, protocol
from pali3kit.config.schema import Experiment
from pali3kit.config.urls import url_problem
from pali3kit.errors import brief, nearest

KEY = "runtime.read_from"


def check_read_from(experiment: Experiment) -> Iterator[KeyProblem]:
    """Yield places that do not exist, cannot be opened, are named twice, or are the store itself; and a store or folder
    of reports behind a URL, where a run cannot write.
    """
    runtime, seen = experiment.runtime, set[str]()
    for key, folder in (("runtime.store", runtime.store), ("runtime.runs", runtime.runs)):
        if protocol(folder):
            elsewhere = f" Artifacts at a URL are read by {KEY}." if key == "runtime.store" else ""
            yield key, f"{key} should be a folder on this machine, not behind a URL.{elsewhere}"
    for place in runtime.read_from:
        same = _normalized(place)
        if same in seen:
            yield KEY, f"{KEY} names '{brief(place)}' twice."
        seen.add(same)
        if same == _normalized(runtime.store):
            yield KEY, f"{KEY} names '{brief(place)}', which is runtime.store: leave it out."
        elif protocol(place):
            if problem := url_problem(place):
                yield KEY, f"{KEY}: {problem}"
        elif place != PACKAGE and not os.path.isdir(place):
            if os.path.lexists(place):
                yield KEY, f"{KEY} should name folders and URLs: '{brief(place)}' is a file."
            else:
                meant = nearest(place, [PACKAGE]) or f"{beside(place)} Mount it, or take it out."
                yield KEY, f"{KEY}: no folder '{brief(place)}'.{meant}"


def _normalized(place: str) -> str:
    if place == PACKAGE:
        return place
    return place.rstrip("/") if protocol(place) else os.path.realpath(place)
