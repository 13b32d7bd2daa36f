"""Steps of several nodes: a run cannot start them, and leaves out what depends on them."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.catalogue import STAGE
from pali3kit.config.schema import Experiment
from pali3kit.plan.step import Step


def split_by_nodes(missing: Sequence[Step], experiment: Experiment) -> tuple[list[Step], list[Step], list[Step]]:
    """Divide the steps without an artifact, parents first: those to run here, those to launch on several nodes, and
    those that wait for the latter.
    """
    here, several, blocked = list[Step](), list[Step](), list[Step]()
    lost: set[str] = set()
    for step in missing:
        if any(parent.digest in lost for parent in step.parents.values()):
            blocked.append(step)
        elif STAGE.find(step.kind).distributed and experiment.runtime.of(step.kind).nodes > 1:
            several.append(step)
        else:
            here.append(step)
            continue
        lost.add(step.digest)
    return here, several, blocked
