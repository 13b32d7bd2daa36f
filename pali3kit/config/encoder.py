"""Checks of the benchmarks that measure the image encoder alone: their data sets and text tower."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pali3kit import registry
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import Complaint, known_benchmarks, reads_texts
from pali3kit.config.part import Part
from pali3kit.config.schema import Experiment
from pali3kit.config.suggestions import new_name
from pali3kit.config.supply import files
from pali3kit.config.world import WorldTask
from pali3kit.errors import choose

_LEAVE = "It is expected below data.root: say where it lies, {section}, or leave out what is measured on it."


def probe_sets(cell: Experiment) -> dict[str, Part]:
    """The sets of the few-shot probe by name; by default the embedded world's eight."""
    world = {name: Part(name="world_probe", options={"task": name}) for name in get_args(WorldTask)}
    return cell.evaluation.probes or world


def has_texts(cell: Experiment) -> bool:
    """Whether there is a text tower: that of `model.towers`, SigLIP's own, or one that is LiT-tuned."""
    return cell.model.towers is not None or cell.evaluation.texts == "lit" or cell.pretrain == "siglip"


def encoder(cell: Experiment) -> Iterator[Complaint]:
    """Check what the benchmarks of the encoder alone need."""
    yield from _sets(cell)
    yield from _whole(cell)
    texts = reads_texts(cell)
    if texts and not has_texts(cell) and "evaluation.texts" not in cell.grid:
        text = f"an encoder by '{cell.pretrain}' has no text tower of its own: evaluation.texts 'lit' trains one."
        yield "evaluation.texts", f"{text} Or leave out '{texts[0]}'."
    yield from _expected(cell)


def _whole(cell: Experiment) -> Iterator[Complaint]:
    """Check that a pretrained dual encoder is not trained, nor asked for what it cannot do."""
    towers = cell.model.towers
    if towers is None:
        return
    if others := [name for name in known_benchmarks(cell) if BENCHMARK.find(name).answered != "features"]:
        yield (
            "model.towers",
            f"a pretrained model of both towers is measured as an encoder alone: '{others[0]}' needs model.vision.",
        )
    if training := [name for name in known_benchmarks(cell) if BENCHMARK.find(name).trains]:
        yield "model.towers", f"a pretrained model of both towers is not trained: '{training[0]}' needs model.vision."
    if cell.pretrain != "given":
        yield "pretrain", f"a pretrained model of both towers is not trained: pretrain 'given', not '{cell.pretrain}'."
    if towers.name.startswith("open_clip/") and not towers.options.get("pretrained"):
        yield "model.towers", f"{towers.name} has random weights: set pretrained to a tag or a file."


def _sets(cell: Experiment) -> Iterator[Complaint]:
    """Check that the files of the data sets in use exist."""
    sections = {section for name in known_benchmarks(cell) for section in BENCHMARK.find(name).sets}
    used: dict[str, Part] = {}
    if "probes" in sections:
        used |= {f"evaluation.probes.{name}": part for name, part in cell.evaluation.probes.items()}
    if "labelled" in sections:
        used["evaluation.labelled"] = cell.evaluation.labelled
    if "captioned" in sections:
        used["evaluation.captioned"] = cell.evaluation.captioned
    for key, part in used.items():
        kind = "captioned" if key == "evaluation.captioned" else "labelled"
        for option, text in files(key, part, registry.KINDS[kind].describe(part.name), globs=False):
            yield option, f"{text} {_LEAVE.format(section=key)}" if cell.data.root is not None else text


def _expected(cell: Experiment) -> Iterator[Complaint]:
    """Check that every published number belongs to something that is measured."""
    measured = [column for name in known_benchmarks(cell) for column in BENCHMARK.find(name).column_names]
    if cell.expect and any(len(values) > 1 for values in cell.grid.values()):
        yield "expect", "expect: published numbers are of one model, and a grid has several: leave out one of the two."
    for name in cell.expect:
        if name not in measured:
            benchmark = name.partition(".")[0]
            absent = benchmark in BENCHMARK.names() and benchmark not in cell.evaluate
            known = new_name("benchmark", benchmark) or choose(name, measured)
            why = f" 'evaluate' has no '{benchmark}'." if absent else known
            yield f"expect.{name}", f"expect: '{name}' is not measured.{why}"
