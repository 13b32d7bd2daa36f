"""What a run needs: the steps to be made, and the artifacts to be copied from URLs first."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pali3kit.config.paths import PACKAGE
from pali3kit.errors import StageError
from pali3kit.execution.places import REPORTED, RemotePlace
from pali3kit.execution.store import LOCK_RETRY_SECONDS, Store
from pali3kit.plan.graph import Graph
from pali3kit.plan.step import Step

_PROGRESS_SECONDS = 10.0


@dataclass(frozen=True)
class Needs:
    """The steps of a graph by what is to be done, each list with parents first.

    Attributes:
        make: must run.
        copy: are at a URL, and a step that must run or the report reads them.
        unread: are at a URL, and nothing reads them now.
        unneeded: are nowhere, and all that is computed from them is there.
        done: are on this machine.
    """

    make: list[Step]
    copy: list[Step]
    unread: list[Step]
    unneeded: list[Step]
    done: list[Step]

    @property
    def total(self) -> int:
        """The number of all steps."""
        return sum(map(len, vars(self).values()))


def find_needs(graph: Graph, store: Store) -> Needs:
    """Look for all artifacts of a graph; nothing is copied.

    A damaged artifact in the store itself is made again, even if nothing needs it now.

    Raises StageError if an artifact's folder holds another one, a place does not exist, or a URL cannot be read.
    """
    if absent_places := store.absent_places():
        raise StageError(f"{', '.join(absent_places)} of runtime.read_from is not there: mount it, or take it out.")
    absent = {step.digest for step in store.missing(graph.steps)}
    done = [step for step in graph.steps if step.digest not in absent]
    remote = {step.digest: place for step in graph.steps if step.digest in absent and (place := store.remote(step))}
    nowhere = [step for step in graph.steps if step.digest in absent and step.digest not in remote]
    lost = {step.digest for step in nowhere}
    make = graph.missing(lambda step: step.digest not in lost, [each for each in nowhere if store.path(each).exists()])
    read = {parent.digest for step in make for parent in step.parents.values()}
    offered = [step for step in graph.steps if step.digest in remote]
    copy = [step for step in offered if step.digest in read or _is_reported(step, remote[step.digest])]
    made, copied = {step.digest for step in make}, {step.digest for step in copy}
    return Needs(
        make,
        copy,
        [step for step in offered if step.digest not in copied],
        [step for step in nowhere if step.digest not in made],
        done,
    )


def _is_reported(step: Step, place: RemotePlace) -> bool:
    """Whether an artifact at a URL has files that reports read."""
    manifest = place.manifest(step)
    return manifest is not None and not REPORTED.isdisjoint(manifest["files"])


def gather(graph: Graph, store: Store, say: Callable[[str], None]) -> Needs:
    """Copy what is needed from URLs; return what is needed then, without `copy`.

    What turns out to be damaged is told, and looked for in the next place, or to be made. Raises as `find_needs`.
    """
    told = 0
    while True:
        needs = find_needs(graph, store)
        for line in store.passed_over[told:]:
            say(f"{line}: passed over")
        told = len(store.passed_over)
        if not needs.copy:
            return needs
        for step in needs.copy:
            _lock_and_copy(step, store, say)


def copy_parents(step: Step, store: Store, say: Callable[[str], None]) -> None:
    """Copy those parents of a step that are at URLs. Raises as `find_needs`."""
    for parent in step.parents.values():
        while store.remote(parent):
            _lock_and_copy(parent, store, say)


def _lock_and_copy(step: Step, store: Store, say: Callable[[str], None]) -> None:
    """Copy an artifact, or wait until another process has copied or made it."""
    waiting = False
    while store.remote(step):
        with store.lock(step) as mine:
            if mine:
                copy_from_url(step, store, say)
                return
        if not waiting:
            say(f"{step.label}: another process is copying or making it; waiting for its result")
            waiting = True
        time.sleep(LOCK_RETRY_SECONDS)


def copy_from_url(step: Step, store: Store, say: Callable[[str], None]) -> None:
    """Copy the artifact of a step that this process has locked, unless it is done or at no URL.

    A damaged one is told in `store.passed_over`, and its place no longer counts. Raises StageError if the URL cannot be
    read, or the disk is full.
    """
    place = store.remote(step)
    if place is None:
        return
    said = started = time.monotonic()
    say(f"{step.label}: copying it from {place.name}")

    def progress(done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= _PROGRESS_SECONDS:
            said = time.monotonic()
            say(f"{step.label}: {done / 1e6:.1f} of {total / 1e6:.1f} MB copied")

    try:
        store.copy(step, place, progress)
        say(f"{step.label}: copied in {time.monotonic() - started:.1f} s: {store.path(step)}")
    except ValueError as error:
        store.reject(step, str(error))
    except (StageError, OSError) as error:
        if full := store.disk_full(error):
            raise full from error
        raise


def sources(needs: Needs, store: Store) -> str:
    """How many artifacts are where, in one line: `12 in runs/store, 5 in package, 1 is not needed`."""
    counts = Counter(store.place(step) for step in [*needs.done, *needs.copy, *needs.unread])
    if needs.make:  # a wrong address, where nothing is, should be seen
        counts.update({place.name: 0 for place in store.places if place.name != PACKAGE})
    parts = [f"{count} in {place}" for place, count in counts.items()]
    return ", ".join([*parts, *_not_needed(needs.unneeded)])


def _not_needed(steps: Iterable[Step]) -> list[str]:
    count = len(list(steps))
    return [f"{count} {'is' if count == 1 else 'are'} not needed"] if count else []
