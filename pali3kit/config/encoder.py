"""Whether what looks at the image encoder alone can be measured: its sets, its text tower, its budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pali3kit import registry
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import Complaint, known_benchmarks, reads_texts
from pali3kit.config.part import Part
from pali3kit.config.schema import Experiment
from pali3kit.config.shapes import VitShape, resolve
from pali3kit.config.supply import files
from pali3kit.config.world import WorldTask
from pali3kit.errors import ConfigError, choose

_LEAVE = "It is expected below data.root: say where it lies, {section}, or leave out what is measured on it."


def probe_sets(cell: Experiment) -> dict[str, Part]:
    """The sets of the few-shot probe by name: those that are given, or the embedded world's eight."""
    world = {name: Part(name="world_probe", options={"task": name}) for name in get_args(WorldTask)}
    return cell.evaluation.probes or world


def has_texts(cell: Experiment) -> bool:
    """Whether there is a text tower to read texts with: somebody's, SigLIP's own, or one that is LiT-tuned."""
    return cell.model.towers is not None or cell.evaluation.texts == "lit" or cell.pretrain == "siglip"


def encoder(cell: Experiment) -> Iterator[Complaint]:
    """Check what the benchmarks of the encoder alone need."""
    yield from _sets(cell)
    yield from _whole(cell)
    texts = reads_texts(cell)
    if texts and not has_texts(cell) and "evaluation.texts" not in cell.grid:
        text = f"an encoder by '{cell.pretrain}' has no text tower of its own: evaluation.texts 'lit' trains one."
        yield "evaluation.texts", f"{text} Or leave out '{texts[0]}'."


def _whole(cell: Experiment) -> Iterator[Complaint]:
    """Check that a whole model is somebody's, as it is."""
    towers = cell.model.towers
    if towers is None:
        return
    if others := [name for name in known_benchmarks(cell) if BENCHMARK.find(name).answered != "features"]:
        yield "model.towers", f"a whole model is measured as an encoder alone: '{others[0]}' needs model.vision."
    if training := [name for name in known_benchmarks(cell) if BENCHMARK.find(name).trains]:
        yield "model.towers", f"a whole model stays as it is: '{training[0]}' needs model.vision."
    if cell.pretrain != "given":
        yield "pretrain", f"a whole model is taken as it is: pretrain 'given', not '{cell.pretrain}'."
    if towers.name.startswith("open_clip/") and not towers.options.get("pretrained"):
        yield "model.towers", f"{towers.name} without weights is random: say which (pretrained: a tag or a file)."


def _sets(cell: Experiment) -> Iterator[Complaint]:
    """Check that the files of the sets that are used are there."""
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


def finetuned(cell: Experiment) -> Iterator[Complaint]:
    """Check that the encoder can take the size of the pictures that it is fine-tuned on."""
    size, part = cell.stages.finetune.image_size, cell.model.vision
    if size is None or size < 1:
        return
    if part.name.startswith("open_clip/") and size != cell.model.image_size:
        yield "stages.finetune.image_size", f"{part.name} works at one resolution alone: take timm/, hf/ or vit."
    if part.name != "vit":
        return
    try:
        patch = resolve(**{key: part.options[key] for key in ("size", *VitShape.__slots__)}).patch
    except ConfigError:
        return  # told elsewhere
    if patch > 0 and size % patch:
        near = max(1, round(size / patch)) * patch
        yield "stages.finetune.image_size", f"patch {patch} does not divide {size} pixels; nearest: {near}"


def expected(cell: Experiment) -> Iterator[Complaint]:
    """Check that every published number belongs to something that is measured."""
    measured = [column for name in known_benchmarks(cell) for column in BENCHMARK.find(name).column_names]
    if cell.expect and any(len(values) > 1 for values in cell.grid.values()):
        yield "expect", "expect: published numbers are of one model, and a grid has several: leave out one of the two."
    for name in cell.expect:
        if name not in measured:
            benchmark = name.partition(".")[0]
            absent = benchmark in BENCHMARK.names() and benchmark not in cell.evaluate
            why = f" 'evaluate' has no '{benchmark}'." if absent else choose(name, measured)
            yield f"expect.{name}", f"expect: '{name}' is not measured.{why}"
