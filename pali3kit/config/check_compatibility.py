"""Checks that the components of one cell fit each other, from their options alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.available_tasks import names_of
from pali3kit.config.budgets import KeyProblem, has_stage_2, nearest_divisor, recipe_of, source_of_stage, trains_stage_1
from pali3kit.config.check_data import check_data
from pali3kit.config.check_packages import check_packages
from pali3kit.config.check_pages import check_pages
from pali3kit.config.check_parity import check_parity
from pali3kit.config.check_slices import check_slices
from pali3kit.config.check_text_scorers import check_text_scorers
from pali3kit.config.check_weights import check_exists
from pali3kit.config.component import Component
from pali3kit.config.encoder import encoder
from pali3kit.config.from_saved import from_saved
from pali3kit.config.languages import language, language_width
from pali3kit.config.missing_files import not_there
from pali3kit.config.root import check_root
from pali3kit.config.schema import Experiment
from pali3kit.config.shapes import VitShape
from pali3kit.config.stages import Resolution
from pali3kit.config.suggestions import new_name
from pali3kit.config.timm_names import check_timm_name
from pali3kit.config.vocabulary import CODES, Vocabulary
from pali3kit.errors import ConfigError, DataError, choose

MOST_VISUAL_TOKENS = 16_384  # 1064 px at patch 14 are 5776; more indicate a wrong patch size
BYTES, SPECIALS = 256, 3  # pieces of the byte fallback; padding, end and unknown
WORLD_SIDE = 64  # in smaller images objects and printed words cannot be recognised
NUMBERS = 100  # every integer below is one piece, as is every coordinate of a box
PIECES = 16  # learned pieces that SentencePiece needs at least


def _named(cell: Experiment) -> Iterator[KeyProblem]:
    """Check the names of tasks and benchmarks that are keys of dictionaries."""
    for stage in ("multimodal", "resolution"):
        key, names = f"stages.{stage}.mixture", names_of(source_of_stage(cell, stage))
        for name in getattr(cell.stages, stage).mixture if trains_stage_1(cell) else ():
            if name not in names:
                yield f"{key}.{name}", f"{key}: unknown task '{name}'.{choose(name, names)}"
    benchmarks = BENCHMARK.names()
    for name in cell.data.tasks:
        if name not in benchmarks:
            meant = new_name("benchmark", name) or choose(name, benchmarks)
            yield f"data.tasks.{name}", f"data.tasks: unknown benchmark '{name}'.{meant}"


def _stages(cell: Experiment) -> Iterator[KeyProblem]:
    """Run the checks of each kind of stage."""
    for kind in STAGE.all():
        yield from kind.check(cell)


def _vision(cell: Experiment) -> Iterator[KeyProblem]:
    part, side = cell.model.vision, cell.model.image_size
    weights = part.options.get("weights")
    yield from check_exists(part, "model.vision")
    pretrained = bool(part.options.get("pretrained") or weights) or part.name.startswith("hf/")
    if cell.pretrain == "random" and pretrained:
        yield "model.vision", f"{part.name} is pretrained, not random: pretrain 'pretrained' keeps its weights."
    trained_elsewhere = cell.model.dual_encoder is not None or cell.model.from_ is not None
    if cell.pretrain == "pretrained" and not pretrained and not trained_elsewhere:
        taken = " or ".join(f"'{each}'" for each in ("pretrained", "weights") if each in part.options)
        remedy = f"set {taken}" if taken else "give its class an option 'weights', a file that it reads"
        text = f"model.vision gives no weights for pretrain 'pretrained': {part.name} would be random"
        yield "model.vision", f"{text}: {remedy}, or pretrain 'random'."
    if part.name != "vit" or side < 1:
        return
    try:
        shape = VitShape.of_options(part.options)
    except ConfigError as error:
        yield "model.vision.size" if part.options["size"] else "model.vision", f"model.vision: {error}"
        return
    if shape.patch < 1 or shape.heads < 1:
        return
    key = "model.vision.size" if part.options["size"] else "model.vision.patch"
    if side % shape.patch:
        near = nearest_divisor(side, shape.patch)
        yield key, f"patch {shape.patch} does not divide image_size {side}; nearest: {near}"
    elif (tokens := (side // shape.patch) ** 2) > MOST_VISUAL_TOKENS:
        yield key, f"patch {shape.patch} cuts image_size {side} into {tokens} tokens; at most {MOST_VISUAL_TOKENS}"
    yield from _heads(Component(name=part.name, options={"width": shape.width, "heads": shape.heads}), "model.vision")


def _folders(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that a folder named after `hf/` exists."""
    for key in ("vision", "language", "dual_encoder"):
        part: Component | None = getattr(cell.model, key)
        if part is None or not part.name.startswith("hf/"):
            continue
        folder = part.name.removeprefix("hf/")
        if folder.startswith((".", "/", "~")) and not os.path.isdir(folder):
            yield f"model.{key}", not_there("folder", folder)


def _text_tower(cell: Experiment) -> Iterator[KeyProblem]:
    yield from _heads(cell.stages.vision.text, "stages.vision.text")
    if cell.stages.lit.text is not None:
        yield from _heads(cell.stages.lit.text, "stages.lit.text")


def _heads(part: Component, key: str) -> Iterator[KeyProblem]:
    width, heads = part.options.get("width"), part.options.get("heads")
    if isinstance(width, int) and isinstance(heads, int) and min(width, heads) > 0 and width % heads:
        near = nearest_divisor(width, heads)
        yield f"{key}.heads", f"{heads} heads do not divide the width {width} of {key}; nearest: {near}"


def _projector(cell: Experiment) -> Iterator[KeyProblem]:
    part, width = cell.model.projector, language_width(cell.model.language) or 4
    if (part.options.get("positions") == "sine2d" or part.name == "resampler") and width % 4:
        near = max(4, round(width / 4) * 4)
        text = f"sine2d positions need a language width divisible by 4, not {width}; nearest: {near}"
        yield "model.projector.positions", text
    if part.name == "resampler":
        heads = {"width": width, "heads": part.options["heads"]}
        yield from _heads(Component(name=part.name, options=heads), "model.projector")
    if part.name == "pixel_shuffle" and cell.model.vision.name == "vit":
        yield from _squares(cell, part.options["factor"])


def _squares(cell: Experiment, factor: int) -> Iterator[KeyProblem]:
    """Check that squares of tokens fill the grid; `_vision` reports a patch size that does not fit."""
    try:
        patch = VitShape.of_options(cell.model.vision.options).patch
    except ConfigError:
        return
    side = cell.model.image_size // max(patch, 1)
    if factor > 0 and side % factor:
        near = nearest_divisor(side, factor)
        text = f"squares of {factor} tokens do not fill a grid of {side}x{side}; nearest: {near}"
        yield "model.projector.factor", text


def _relative_bias(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that some buckets are left for ranges of distances: half of a direction's are single distances."""
    buckets, distance = (cell.model.language.options.get(key) for key in ("buckets", "max_distance"))
    if isinstance(buckets, int) and isinstance(distance, int) and distance <= buckets // 2:
        text = f"max_distance {distance} should be more than half of the {buckets} buckets, which are single distances"
        yield "model.language.max_distance", text


def _world(cell: Experiment) -> Iterator[KeyProblem]:
    own = cell.stages.vision.source  # not the images of stage 2, whose sizes are checked too
    for key, source in (("model.image_size", cell.data.source), ("stages.vision.source", own)):
        if source and source.name == "world" and 0 < cell.model.image_size < WORLD_SIDE:
            yield key, f"scenes of the world need at least {WORLD_SIDE} pixels, not {cell.model.image_size}"


def _vocabulary(cell: Experiment) -> Iterator[KeyProblem]:
    """Check the size of the vocabulary, to which sentinels, mode tokens and mask tokens are added."""
    chosen = cell.tokenizer
    if chosen.file is not None:
        yield from _vocabulary_file(cell)
    elif chosen.vocabulary is None:
        yield "tokenizer", "the tokenizer needs a vocabulary, the number of pieces to learn, or a file that has some."
    elif chosen.rows is not None:
        yield "tokenizer.rows", "tokenizer.rows is the size of the embedding of a tokenizer.file, and there is none."
    else:
        numbers = max(NUMBERS, chosen.bins)
        least = BYTES + SPECIALS + numbers + PIECES
        if 0 < chosen.vocabulary < least:
            text = (
                f"a vocabulary of {chosen.vocabulary} leaves no pieces for words beside {BYTES} bytes and {numbers}"
                f" numbers; at least {least}"
            )
            yield "tokenizer.vocabulary", text


def _vocabulary_file(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that a tokenizer's file is valid, and that our special tokens can be added to it."""
    chosen, codes = cell.tokenizer, cell.model.mask_tokenizer.options.get("codes")
    file = Path(str(chosen.file))
    if chosen.vocabulary is not None:
        text = (
            f"tokenizer.file brings a vocabulary of its own: set tokenizer.vocabulary to null, not {chosen.vocabulary}."
        )
        yield "tokenizer.vocabulary", text
    if not os.path.isfile(file):
        yield "tokenizer.file", not_there("file", str(chosen.file))
        return
    try:
        Vocabulary(file, codes or CODES, rows=chosen.rows)
    except DataError as error:
        yield "tokenizer.file", str(error)


CHECKS: tuple[Callable[[Experiment], Iterator[KeyProblem]], ...] = (
    from_saved, _named, _vision, _folders, _text_tower, language, _projector, _relative_bias, check_data, check_root,
    check_packages, check_timm_name, check_slices, check_text_scorers, check_parity, _world, check_pages,
    _vocabulary, _stages, encoder,
)  # fmt: skip
"""All checks of a cell."""

_OF_SIZES = ("model.vision.patch", "model.vision.size", "model.projector.factor", "model.image_size")
"""Keys that a size of images may not fit."""


def check_resolutions(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that everything can take the image sizes of stage 2, and that transfers start from one of its models."""
    steps, transfer = cell.stages.resolution.steps, cell.stages.transfer
    sizes = [cell.model.image_size, *(step.image_size for step in steps)]
    own = {f"benchmarks.{name}.image_size": recipe_of(transfer, name).image_size for name in transfer.benchmarks}
    for key, start in {"image_size": transfer.image_size, **own}.items():
        if start is not None and start not in sizes:
            near = choose(str(start), map(str, sizes))
            yield f"stages.transfer.{key}", f"no model of {start} pixels is trained.{near}"
    for key, asked in (
        ("stages.transfer.start", cell.stages.transfer.start == "resolution"),
        ("evaluation.after", "resolution" in cell.evaluation.after),
    ):
        if asked and not steps:
            yield key, f"{key}: there is no stage 2, since stages.resolution has no steps."
    for i, step in enumerate(steps if has_stage_2(cell) else ()):
        key = f"stages.resolution.steps[{i}]"
        if 0 < step.examples < cell.stages.resolution.batch_size:
            batch = cell.stages.resolution.batch_size
            yield f"{key}.examples", f"{step.examples} examples are less than one batch of {batch}"
        if cell.model.vision.name.startswith("open_clip/"):
            yield key, f"{cell.model.vision.name} works at one resolution alone: take timm/, hf/ or vit for stage 2."
        model = replace(cell.model, image_size=step.image_size)
        at_size = replace(cell, model=model, stages=replace(cell.stages, resolution=Resolution()))
        for check in (_vision, _projector, _world):
            for where, text in check(at_size):
                if where in _OF_SIZES:
                    yield f"{key}.image_size", text
