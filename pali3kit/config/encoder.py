"""Whether what looks at the image encoder alone can be measured: its sets, its text tower, its budgets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from pali3kit import registry
from pali3kit.config.budgets import Complaint, needs_lit
from pali3kit.config.schema import Experiment, Part, Training
from pali3kit.config.shapes import VitShape, resolve
from pali3kit.config.supply import ENCODER_COLUMNS, PARTS_OF, TEXT_COLUMNS, files, paired
from pali3kit.config.world import WorldTask
from pali3kit.errors import ConfigError, choose

TEXTS = ("lit", "own")
PROMPTS = ("class_name", "photo", "clip_best", "clip")
"""The sets of prompts of `text.zero_shot`."""


def probe_sets(cell: Experiment) -> dict[str, Part]:
    """The sets of the few-shot probe by name: those that are given, or the embedded world's eight."""
    world = {name: Part(name="world_probe", options={"task": name}) for name in get_args(WorldTask)}
    return cell.evaluation.probes or world


def has_texts(cell: Experiment) -> bool:
    """Whether there is a text tower to read texts with: somebody's, SigLIP's own, or one that is LiT-tuned."""
    return cell.model.towers is not None or cell.evaluation.texts == "lit" or cell.pretrain == "siglip"


def encoder(cell: Experiment) -> Iterator[Complaint]:
    """Check what the columns of the encoder need."""
    asked = [column for column in cell.evaluate if column in ENCODER_COLUMNS]
    for key, word, choices in (
        ("evaluation.texts", cell.evaluation.texts, TEXTS),
        ("evaluation.prompts", cell.evaluation.prompts, PROMPTS),
    ):
        if word not in choices:
            yield key, f"{key} cannot be '{word}'.{choose(word, choices)}"
    yield from _sets(cell, asked)
    yield from _whole(cell)
    texts = [column for column in asked if column in TEXT_COLUMNS]
    if texts and not has_texts(cell) and "evaluation.texts" not in cell.grid:
        text = f"an encoder by '{cell.pretrain}' has no text tower of its own: evaluation.texts 'lit' trains one."
        yield "evaluation.texts", f"{text} Or leave out '{texts[0]}'."
    if needs_lit(cell):
        yield from _budget("lit", cell.stages.lit, texts[0])
        yield from paired(cell)
    if "finetune" in asked and cell.model.towers is None:
        yield from _budget("finetune", cell.stages.finetune, "finetune")
        yield from _finetuned(cell)


def _whole(cell: Experiment) -> Iterator[Complaint]:
    """Check that a whole model is somebody's, as it is."""
    towers = cell.model.towers
    if towers is None:
        return
    if others := [one for one in cell.evaluate if one not in ENCODER_COLUMNS]:
        yield "model.towers", f"a whole model is measured as an encoder alone: '{others[0]}' needs model.vision."
    if "finetune" in cell.evaluate:
        yield "model.towers", "a whole model stays as it is: 'finetune' needs model.vision."
    if cell.pretrain != "given":
        yield "pretrain", f"a whole model is taken as it is: pretrain 'given', not '{cell.pretrain}'."
    if towers.name.startswith("open_clip/") and not towers.options.get("pretrained"):
        yield "model.towers", f"{towers.name} without weights is random: say which (pretrained: a tag or a file)."


def _sets(cell: Experiment, asked: list[str]) -> Iterator[Complaint]:
    """Check that the files of the sets that are used are there."""
    used: dict[str, Part] = {}
    if "probe" in asked:
        used |= {f"evaluation.probes.{name}": part for name, part in cell.evaluation.probes.items()}
    if any(column not in ("probe", "retrieval") for column in asked):
        used["evaluation.labelled"] = cell.evaluation.labelled
    if "retrieval" in asked:
        used["evaluation.captioned"] = cell.evaluation.captioned
    for key, part in used.items():
        kind = "captioned" if key == "evaluation.captioned" else "labelled"
        if registry.KINDS[kind].describe(part.name).built_in:
            yield from files(key, part, globs=False)  # what a plug-in's options mean is not known


def _budget(stage: str, training: Training, column: str) -> Iterator[Complaint]:
    key = f"stages.{stage}.examples"
    if training.examples < 1:
        yield key, f"the column '{column}' needs the stage {stage}, which has no examples: set {key}."
    elif training.examples < training.batch_size:
        yield key, f"{key}: {training.examples} examples are less than one batch of {training.batch_size}"


def _finetuned(cell: Experiment) -> Iterator[Complaint]:
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
    measured = [f"{one}.{part}" for one in cell.evaluate for part in PARTS_OF.get(one, ())]
    measured += [one for one in cell.evaluate if one not in PARTS_OF]
    if cell.expect and any(len(values) > 1 for values in cell.grid.values()):
        yield "expect", "expect: published numbers are of one model, and a grid has several: leave out one of the two."
    for name in cell.expect:
        if name not in measured:
            column = name.partition(".")[0]
            absent = column in ENCODER_COLUMNS and column not in cell.evaluate
            why = f" 'evaluate' has no '{column}'." if absent else choose(name, measured)
            yield f"expect.{name}", f"expect: '{name}' is not measured.{why}"
