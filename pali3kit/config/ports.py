"""Whether the parts of one cell fit each other: proved on numbers, before a byte is allocated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.budgets import Complaint, nearest_divisor
from pali3kit.config.encoder import encoder, expected
from pali3kit.config.given import folders, found
from pali3kit.config.languages import language, language_width
from pali3kit.config.offers import names_of
from pali3kit.config.part import Part
from pali3kit.config.root import check_root
from pali3kit.config.schema import Experiment
from pali3kit.config.shapes import VitShape, resolve
from pali3kit.config.supply import supply
from pali3kit.config.vocabulary import CODES, Vocabulary
from pali3kit.errors import ConfigError, DataError, choose

MOST_VISUAL_TOKENS = 16_384  # 1064 px at patch 14 are 5776; attention over more than this is a mistake of the patch
BYTES, SPECIALS = 256, 3  # the tokenizer's fallback for what it has no piece for; padding, end and unknown
WORLD_SIDE = 64  # below, its things and print cannot be told apart
NUMBERS = 100  # each whole number below is a piece of its own, and so is each coordinate of a box
PIECES = 16  # the fewest that SentencePiece can do something with


def _named(cell: Experiment) -> Iterator[Complaint]:
    """Check the names of tasks and benchmarks that are keys."""
    names = names_of(cell.data.source)
    for stage in ("multimodal", "resolution"):
        key = f"stages.{stage}.mixture"
        for name in getattr(cell.stages, stage).mixture:
            if name not in names:
                yield f"{key}.{name}", f"{key}: unknown task '{name}'.{choose(name, names)}"
    benchmarks = BENCHMARK.names()
    for name in cell.data.columns:
        if name not in benchmarks:
            yield f"data.columns.{name}", f"data.columns: unknown column '{name}'.{choose(name, benchmarks)}"


def _stages(cell: Experiment) -> Iterator[Complaint]:
    """What each kind of stage has to say."""
    for kind in STAGE.all():
        yield from kind.check(cell)


def vision(cell: Experiment) -> Iterator[Complaint]:
    part, side = cell.model.vision, cell.model.image_size
    weights = part.options.get("weights")
    yield from found(part, "model.vision")
    pretrained = bool(part.options.get("pretrained") or weights) or part.name.startswith("hf/")
    if cell.pretrain == "random" and pretrained:
        yield "model.vision", f"{part.name} comes with weights, which are not random: pretrain 'given' keeps them."
    if cell.pretrain == "given" and not pretrained and cell.model.towers is None:
        text = f"model.vision gives no weights for pretrain 'given': {part.name} would be random: "
        text += "say 'pretrained' or 'weights', or pretrain 'random'."
        yield "model.vision", text
    if part.name != "vit" or side < 1:
        return
    try:
        shape = resolve(**{key: part.options[key] for key in ("size", *VitShape.__slots__)})
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
    yield from _heads(Part(name=part.name, options={"width": shape.width, "heads": shape.heads}), "model.vision")


def _text_tower(cell: Experiment) -> Iterator[Complaint]:
    yield from _heads(cell.stages.vision.text, "stages.vision.text")
    if cell.stages.lit.text is not None:
        yield from _heads(cell.stages.lit.text, "stages.lit.text")


def _heads(part: Part, key: str) -> Iterator[Complaint]:
    width, heads = part.options.get("width"), part.options.get("heads")
    if isinstance(width, int) and isinstance(heads, int) and min(width, heads) > 0 and width % heads:
        near = nearest_divisor(width, heads)
        yield f"{key}.heads", f"{heads} heads do not divide the width {width} of {key}; nearest: {near}"


def projector(cell: Experiment) -> Iterator[Complaint]:
    part, width = cell.model.projector, language_width(cell.model.language) or 4
    if (part.options.get("positions") == "sine2d" or part.name == "resampler") and width % 4:
        near = max(4, round(width / 4) * 4)
        text = f"sine2d positions need a language width divisible by 4, not {width}; nearest: {near}"
        yield "model.projector.positions", text
    if part.name == "resampler":
        heads = {"width": width, "heads": part.options["heads"]}
        yield from _heads(Part(name=part.name, options=heads), "model.projector")
    if part.name == "pixel_shuffle" and cell.model.vision.name == "vit":
        yield from _squares(cell, part.options["factor"])


def _squares(cell: Experiment, factor: int) -> Iterator[Complaint]:
    """Check that squares of tokens fill the grid; a patch that does not fit is told elsewhere."""
    try:
        patch = resolve(**{key: cell.model.vision.options[key] for key in ("size", *VitShape.__slots__)}).patch
    except ConfigError:
        return
    side = cell.model.image_size // max(patch, 1)
    if factor > 0 and side % factor:
        near = nearest_divisor(side, factor)
        text = f"squares of {factor} tokens do not fill a grid of {side}x{side}; nearest: {near}"
        yield "model.projector.factor", text


def _relative_bias(cell: Experiment) -> Iterator[Complaint]:
    """Check that the bias has distances left to grow over: a quarter of the buckets are exact ones."""
    buckets, distance = (cell.model.language.options.get(key) for key in ("buckets", "max_distance"))
    if isinstance(buckets, int) and isinstance(distance, int) and distance <= buckets // 2:
        text = f"max_distance {distance} should be more than half of the {buckets} buckets, which are single distances"
        yield "model.language.max_distance", text


def world(cell: Experiment) -> Iterator[Complaint]:
    if cell.data.source.name == "world" and 0 < cell.model.image_size < WORLD_SIDE:
        yield (
            "model.image_size",
            f"scenes of the world need at least {WORLD_SIDE} pixels, not {cell.model.image_size}",
        )


def _vocabulary(cell: Experiment) -> Iterator[Complaint]:
    """Check what the tokenizer certainly needs; sentinels, modes and mask codes come on top of the vocabulary."""
    chosen = cell.tokenizer
    if chosen.file is not None:
        yield from _vocabulary_file(cell)
    elif chosen.vocabulary is None:
        yield "tokenizer", "the tokenizer needs a vocabulary, the number of pieces to learn, or a file that has some."
    elif chosen.rows is not None:
        yield "tokenizer.rows", "tokenizer.rows tells of the embedding that belongs to a tokenizer.file: there is none."
    else:
        numbers = max(NUMBERS, chosen.bins)
        least = BYTES + SPECIALS + numbers + PIECES
        if 0 < chosen.vocabulary < least:
            text = (
                f"a vocabulary of {chosen.vocabulary} has no room for words beside {BYTES} bytes and {numbers}"
                f" numbers; at least {least}"
            )
            yield "tokenizer.vocabulary", text


def _vocabulary_file(cell: Experiment) -> Iterator[Complaint]:
    """Check that a tokenizer's file is one, and that our tokens find a place beside its own."""
    chosen, codes = cell.tokenizer, cell.model.masks.options.get("codes")
    file = Path(str(chosen.file))
    if chosen.vocabulary is not None:
        text = (
            f"tokenizer.file brings a vocabulary of its own: set tokenizer.vocabulary to null, not {chosen.vocabulary}."
        )
        yield "tokenizer.vocabulary", text
    if not os.path.isfile(file):
        yield "tokenizer.file", f"there is no file '{chosen.file}'"
        return
    try:
        Vocabulary(file, codes or CODES, rows=chosen.rows)
    except DataError as error:
        yield "tokenizer.file", str(error)


MISFITS: tuple[Callable[[Experiment], Iterator[Complaint]], ...] = (
    _named, vision, folders, _text_tower, language, projector, _relative_bias, supply, check_root, world, _vocabulary,
    _stages, encoder, expected,
)  # fmt: skip
"""Everything that can keep a cell from being built or trained as it stands."""
