"""What rows and seeds share: stages that the intervals over seeds do not cover, and rows that are one model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pali3kit.catalogue import STAGE
from pali3kit.plan.step import Step, ancestry
from pali3kit.report.arms import Arm


def uncovered(arms: Sequence[Arm]) -> Iterable[str]:
    """A sentence for all rows in which seeds share the same random stages; none where no row shares any.

    Stages without randomness have no noise and are not counted.
    """
    rows: dict[tuple[tuple[str, int], ...], list[Arm]] = {}
    for arm in arms:
        rows.setdefault(tuple(_shared(arm).items()), []).append(arm)
    for shared, same in rows.items():
        if shared:
            where = f"{'; '.join(arm.label for arm in same)}: seeds" if len(rows) > 1 else "Seeds"
            varied = {kind for arm in same for kind in _by_kind(arm)} - dict(shared).keys()
            yield f"{where} vary {_listed(varied) or 'nothing'}; {_fixed(dict(shared))}"


def identical(arms: Sequence[Arm]) -> Iterable[str]:
    """A sentence for rows whose numbers are those of the same artifacts: equal, whatever the settings would change."""
    rows: dict[frozenset[tuple[str, int, str]], list[str]] = {}
    for arm in arms:
        digests = ((name, seed, step.digest) for name, steps in arm.steps.items() for seed, step in steps.items())
        rows.setdefault(frozenset(digests), []).append(arm.label)
    for made, labels in rows.items():
        if made and labels[1:]:
            why = "as none of its stages reads the settings that tell these rows apart"
            yield f"{'; '.join(labels)}: one model, {why}."


def _shared(arm: Arm) -> dict[str, int]:
    """The kinds of random stages whose steps are the same for several seeds, with the seed that these have."""
    shared = {}
    for kind, by_seed in _by_kind(arm).items():
        first, *others = ([step.digest for step in steps] for steps in by_seed.values())
        if others and all(digests == first for digests in others):
            shared[kind] = next(iter(by_seed.values()))[0].seed
    return shared


def _by_kind(arm: Arm) -> dict[str, dict[int, list[Step]]]:
    """The steps that an arm rests on, by the kinds that are random and the seeds of the run, in the paper's order."""
    found: dict[str, dict[int, list[Step]]] = {}
    for seed in dict.fromkeys(seed for steps in arm.steps.values() for seed in steps):
        for step in ancestry(steps[seed] for steps in arm.steps.values()):
            if STAGE.find(step.kind).seeded:
                found.setdefault(step.kind, {}).setdefault(seed, []).append(step)
    return dict(sorted(found.items(), key=lambda item: _paper_order(item[0])))


def _paper_order(kind: str) -> tuple[bool, str, str]:
    """Sort key: the order of the paper's stages, then everything else."""
    stage = STAGE.find(kind).stage
    return not stage, stage, kind


def _fixed(seeds: dict[str, int]) -> str:
    """`vision (stage 0a) and language (stage 0b) are of seed 0 in all: the intervals do not cover their noise.`"""
    groups = {seed: [kind for kind, own in seeds.items() if own == seed] for seed in dict.fromkeys(seeds.values())}
    parts = [f"{_listed(kinds)} {'are' if kinds[1:] else 'is'} of seed {seed}" for seed, kinds in groups.items()]
    return f"{', '.join(parts)} in all: the intervals do not cover {'their' if len(seeds) > 1 else 'its'} noise."


def _listed(kinds: Iterable[str]) -> str:
    """`vision (stage 0a), language (stage 0b) and probe`"""
    stages = {kind: STAGE.find(kind).stage for kind in sorted(kinds, key=_paper_order)}
    *others, last = [f"{kind} (stage {stage})" if stage else kind for kind, stage in stages.items()] or [""]
    return f"{', '.join(others)} and {last}" if others else last
