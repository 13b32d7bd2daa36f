"""Checks of the benchmarks that measure the image encoder alone: their data sets and text tower."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pali3kit import registry
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, benchmarks_with_text_tower, known_benchmarks
from pali3kit.config.check_data import check_files
from pali3kit.config.component import Component
from pali3kit.config.root import missing_root
from pali3kit.config.schema import Experiment
from pali3kit.config.suggestions import new_name
from pali3kit.config.world import WorldTask
from pali3kit.errors import choose

_LEAVE = "It is expected below data.root: set {section} if it is elsewhere, or leave out what is measured on it."


def probe_sets(cell: Experiment) -> dict[str, Component]:
    """The sets of the few-shot probe by name; by default the embedded world's eight."""
    world = {name: Component(name="world_probe", options={"task": name}) for name in get_args(WorldTask)}
    return cell.evaluation.probes or world


def has_texts(cell: Experiment) -> bool:
    """Whether there is a text tower: that of `model.dual_encoder`, SigLIP's own, or one that is LiT-tuned."""
    return cell.model.dual_encoder is not None or cell.evaluation.text_tower == "lit" or cell.pretrain == "siglip"


def encoder(cell: Experiment) -> Iterator[KeyProblem]:
    """Check what the benchmarks of the encoder alone need."""
    yield from _sets(cell)
    yield from _whole(cell)
    texts = benchmarks_with_text_tower(cell)
    if texts and not has_texts(cell) and "evaluation.text_tower" not in cell.grid:
        text = f"an encoder by '{cell.pretrain}' has no text tower of its own: evaluation.text_tower 'lit' trains one."
        yield "evaluation.text_tower", f"{text} Or leave out '{texts[0]}'."
    yield from _expected(cell)


def _whole(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that a pretrained dual encoder is not trained, nor asked for what it cannot do."""
    towers = cell.model.dual_encoder
    if towers is None:
        return
    if others := [name for name in known_benchmarks(cell) if BENCHMARK.find(name).scored != "features"]:
        yield (
            "model.dual_encoder",
            f"a pretrained model of both towers is measured as an encoder alone: '{others[0]}' needs model.vision.",
        )
    if training := [name for name in known_benchmarks(cell) if BENCHMARK.find(name).training_stage]:
        yield (
            "model.dual_encoder",
            f"a pretrained model of both towers is not trained: '{training[0]}' needs model.vision.",
        )
    if cell.pretrain != "pretrained":
        yield (
            "pretrain",
            f"a pretrained model of both towers is not trained: pretrain 'pretrained', not '{cell.pretrain}'.",
        )
    if towers.name.startswith("open_clip/") and not towers.options.get("pretrained"):
        yield "model.dual_encoder", f"{towers.name} has random weights: set pretrained to a tag or a file."


def _sets(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the files of the data sets in use exist."""
    sections = {section for name in known_benchmarks(cell) for section in BENCHMARK.find(name).sets}
    used: dict[str, Component] = {}
    if "probes" in sections:
        used |= {f"evaluation.probes.{name}": part for name, part in cell.evaluation.probes.items()}
    if "labelled" in sections:
        used["evaluation.labelled"] = cell.evaluation.labelled
    if "captioned" in sections:
        used["evaluation.captioned"] = cell.evaluation.captioned
    for key, part in used.items():
        kind = "captioned" if key == "evaluation.captioned" else "labelled"
        for option, text in check_files(key, part, registry.KINDS[kind].describe(part.name), globs=False):
            root = cell.data.root or ""
            below = bool(root) and f"'{root}" in text
            if below and missing_root(root):
                continue  # `check_root` says so, once
            yield option, f"{text} {_LEAVE.format(section=key)}" if below else text


def _expected(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that every published number belongs to something that is measured."""
    measured = [column for name in known_benchmarks(cell) for column in BENCHMARK.find(name).column_names]
    if cell.published and any(len(values) > 1 for values in cell.grid.values()):
        yield (
            "published",
            "published: published numbers are of one model, and a grid has several: leave out one of the two.",
        )
    for name in cell.published:
        if name not in measured:
            benchmark = name.partition(".")[0]
            absent = benchmark in BENCHMARK.names() and benchmark not in cell.evaluate
            known = new_name("benchmark", benchmark) or choose(name, measured)
            why = f" 'evaluate' has no '{benchmark}'." if absent else known
            yield f"published.{name}", f"published: '{name}' is not measured.{why}"
