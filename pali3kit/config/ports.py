"""Whether the parts of one cell fit each other: proved on numbers, before a byte is allocated."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from pali3kit import registry
from pali3kit.config.offers import tasks_of
from pali3kit.config.schema import Experiment, Part, Training
from pali3kit.config.shapes import LanguageShape, VitShape, read_t5, resolve, resolve_language
from pali3kit.config.supply import supply
from pali3kit.config.vocabulary import CODES, Vocabulary
from pali3kit.errors import ConfigError, DataError, choose

PRETRAININGS = ("classif", "siglip", "random", "given")
LOSSES = ("sigmoid", "softmax")
PREFIXES = ("appendix", "table")
STRATEGIES = ("ddp", "fsdp")
ATTENTIONS = ("auto", "eager", "sdpa", "chunked", "flex", "xformers")
SCHEDULES = ("cosine", "rsqrt", "constant")
REGION_COLUMNS = ("refer", "refer_plus", "refer_g")
BOX_TOKENS, MASK_TOKENS = 4, 16  # a region is written as four coordinates and the codes of its mask (paper.md §4.1)
MOST_VISUAL_TOKENS = 16_384  # 1064 px at patch 14 are 5776; attention over more than this is a mistake of the patch
BYTES, SPECIALS = 256, 3  # the tokenizer's fallback for what it has no piece for; padding, end and unknown
WORLD_SIDE = 64  # below, its things and print cannot be told apart
NUMBERS = 100  # each whole number below is a piece of its own, and so is each coordinate of a box
PIECES = 16  # the fewest that SentencePiece can do something with

Complaint = tuple[str, str]
"""A dotted key and what is wrong with it."""


def _named(cell: Experiment) -> Iterator[Complaint]:
    """Check the plain texts that must be one of a few names."""
    chosen: list[tuple[str, str, tuple[str, ...]]] = [
        ("pretrain", cell.pretrain, PRETRAININGS),
        ("stages.vision.loss", cell.stages.vision.loss, LOSSES),
        ("stages.language.prefix", cell.stages.language.prefix, PREFIXES),
        ("runtime.strategy", cell.runtime.strategy, STRATEGIES),
        ("runtime.attention", cell.runtime.attention, ATTENTIONS),
    ]
    for stage, training in stages(cell):
        at = f"stages.{stage}.optimizer"
        chosen.append((f"{at}.name", training.optimizer.name, tuple(registry.OPTIMIZER.names())))
        chosen.append((f"{at}.schedule", training.optimizer.schedule, SCHEDULES))
    for key, word, choices in chosen:
        if word not in choices:
            yield key, f"{key} cannot be '{word}'.{choose(word, choices)}"
    tasks = registry.TASK.names()
    own = [task for task in tasks_of(cell.data.source) or () if "." in task]  # of a union's parts
    for key, names in (
        ("stages.multimodal.mixture", cell.stages.multimodal.mixture),
        ("stages.transfer.tasks", cell.stages.transfer.tasks),
    ):
        for name in names:
            if name not in (*tasks, *own):
                yield f"{key}.{name}", f"{key}: unknown task '{name}'.{choose(name, [*tasks, *own])}"


def _vision(cell: Experiment) -> Iterator[Complaint]:
    part, side = cell.model.vision, cell.model.image_size
    weights = part.options.get("weights")
    if weights and not Path(weights).exists():
        yield "model.vision.weights", f"there is no file or folder '{weights}'"
    pretrained = bool(part.options.get("pretrained") or weights) or part.name.startswith("hf/")
    if cell.pretrain == "random" and pretrained:
        yield "model.vision", f"{part.name} comes with weights, which are not random: pretrain 'given' keeps them."
    if cell.pretrain == "given" and not pretrained:
        yield "model.vision", f"model.vision gives no weights for pretrain 'given': {part.name} would be random."
    if part.name != "vit" or side < 1:
        return
    try:
        shape = resolve(**{key: part.options[key] for key in ("size", *VitShape.__slots__)})
    except ConfigError as error:
        yield "model.vision", f"model.vision: {error}"
        return
    if shape.patch < 1 or shape.heads < 1:
        return
    key = "model.vision.size" if part.options["size"] else "model.vision.patch"
    if side % shape.patch:
        near = _nearest_divisor(side, shape.patch)
        yield key, f"patch {shape.patch} does not divide image_size {side}; nearest: {near}"
    elif (tokens := (side // shape.patch) ** 2) > MOST_VISUAL_TOKENS:
        yield key, f"patch {shape.patch} cuts image_size {side} into {tokens} tokens; at most {MOST_VISUAL_TOKENS}"
    yield from _heads(Part(name=part.name, options={"width": shape.width, "heads": shape.heads}), "model.vision")


def _folders(cell: Experiment) -> Iterator[Complaint]:
    """Check that what is named like a folder of transformers is one."""
    for key, part in (("model.vision", cell.model.vision), ("model.language", cell.model.language)):
        folder = part.name.removeprefix("hf/")
        if part.name.startswith("hf/") and folder.startswith((".", "/", "~")) and not Path(folder).is_dir():
            yield key, f"there is no folder '{folder}'"


def _text_tower(cell: Experiment) -> Iterator[Complaint]:
    yield from _heads(cell.stages.vision.text, "stages.vision.text")


def _heads(part: Part, key: str) -> Iterator[Complaint]:
    width, heads = part.options.get("width"), part.options.get("heads")
    if isinstance(width, int) and isinstance(heads, int) and min(width, heads) > 0 and width % heads:
        near = _nearest_divisor(width, heads)
        yield f"{key}.heads", f"{heads} heads do not divide the width {width} of {key}; nearest: {near}"


def _language(cell: Experiment) -> Iterator[Complaint]:
    """Check the shape, and where weights are given that they are there and of that shape."""
    part, examples = cell.model.language, cell.stages.language.examples
    weights = part.options.get("weights")
    if weights and not Path(weights).exists():
        yield "model.language.weights", f"there is no file or folder '{weights}'"
    elif part.name == "ul2":
        try:
            _language_shape(part)
        except ConfigError as error:
            yield "model.language", f"model.language: {'; '.join(map(str, error.problems))}"
    if not weights and part.name == "ul2" and examples == 0:
        yield "stages.language.examples", "0 examples leave a ul2 without weights random: give weights, or examples."


def _language_shape(part: Part) -> LanguageShape:
    """The shape of a ul2: that of its weights' folder, which what is said must agree with, or the one said."""
    names = tuple(LanguageShape.__slots__)
    size, numbers = part.options.get("size"), {key: part.options.get(key) for key in names}
    config = Path(part.options.get("weights") or "") / "config.json"
    if not (part.options.get("weights") and config.exists()):
        return resolve_language(size, **numbers)
    said = read_t5(config.parent)
    shape = LanguageShape(**{key: said[key] for key in names})
    given = asdict(resolve_language(size, **numbers)) if size else numbers
    wrong = [
        f"{config.parent} has {key} {said[key]}, not {value}"
        for key, value in given.items()
        if value not in (None, said[key])
    ]
    if wrong:
        raise ConfigError(wrong)
    return shape


def _language_width(part: Part) -> int | None:
    """The width of a language model, where it is known before it is built."""
    try:
        return _language_shape(part).width if part.name == "ul2" else part.options.get("width")
    except ConfigError:
        return None


def _projector(cell: Experiment) -> Iterator[Complaint]:
    part, width = cell.model.projector, _language_width(cell.model.language) or 4
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
        near = _nearest_divisor(side, factor)
        text = f"squares of {factor} tokens do not fill a grid of {side}x{side}; nearest: {near}"
        yield "model.projector.factor", text


def _relative_bias(cell: Experiment) -> Iterator[Complaint]:
    """Check that the bias has distances left to grow over: a quarter of the buckets are exact ones."""
    buckets, distance = (cell.model.language.options.get(key) for key in ("buckets", "max_distance"))
    if isinstance(buckets, int) and isinstance(distance, int) and distance <= buckets // 2:
        text = f"max_distance {distance} should be more than half of the {buckets} buckets, which are single distances"
        yield "model.language.max_distance", text


def _ranks(cell: Experiment) -> Iterator[Complaint]:
    ranks, vision = cell.runtime.ranks, cell.stages.vision
    if ranks > 1 and vision.batch_size % ranks:
        text = f"{ranks} ranks do not divide the batch of {vision.batch_size}; nearest: "
        yield "runtime.ranks", text + str(_nearest_divisor(vision.batch_size, ranks))
    name = vision.optimizer.name
    if ranks > 1 and cell.runtime.strategy == "fsdp" and name != "adamw":
        yield "stages.vision.optimizer.name", f"{name} works on whole matrices, fsdp shards them: take adamw."


def _world(cell: Experiment) -> Iterator[Complaint]:
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
    if not file.is_file():
        yield "tokenizer.file", f"there is no file '{chosen.file}'"
        return
    try:
        Vocabulary(file, codes or CODES, rows=chosen.rows)
    except DataError as error:
        yield "tokenizer.file", str(error)


def _lengths(cell: Experiment) -> Iterator[Complaint]:
    """Check that a region's answer fits into a target."""
    least, length = BOX_TOKENS + MASK_TOKENS + 1, cell.stages.multimodal.target_length
    asked = [column for column in cell.evaluate if column in REGION_COLUMNS]
    if asked and 0 < length < least:
        text = (
            f"target_length {length} cannot hold what {asked[0]} asks for: {BOX_TOKENS} coordinates,"
            f" {MASK_TOKENS} mask tokens and the end need {least}"
        )
        yield "stages.multimodal.target_length", text


def _budgets(cell: Experiment) -> Iterator[Complaint]:
    for stage, training in stages(cell):
        key = f"stages.{stage}.examples"
        if training.examples == 0 and stage != "language":  # which may be somebody's pretrained one, as it is
            yield key, f"{key} should be at least 1, not 0."
        if 0 < training.examples < training.batch_size:
            yield key, f"{key}: {training.examples} examples are less than one batch of {training.batch_size}"
    mixture = cell.stages.multimodal.mixture
    for task, weight in mixture.items():
        if weight < 0:
            yield f"stages.multimodal.mixture.{task}", f"the weight of {task} should be at least 0, not {weight}."
    if not any(weight > 0 for weight in mixture.values()):
        yield "stages.multimodal.mixture", "stages.multimodal.mixture has no task with a weight above 0."
    for task, examples in cell.stages.transfer.tasks.items():
        if examples < 1:
            yield f"stages.transfer.tasks.{task}", f"the examples of {task} should be at least 1, not {examples}."


def stages(cell: Experiment) -> list[tuple[str, Training]]:
    """Return the trained stages by name."""
    return [(name, getattr(cell.stages, name)) for name in ("vision", "language", "masks", "multimodal", "transfer")]


def _nearest_divisor(number: int, wanted: int) -> int:
    """The divisor of `number` that is nearest to `wanted`, the larger of two; 1 always is one."""
    distances = range(max(wanted, 1))
    return next(d for away in distances for d in (wanted + away, wanted - away) if d > 0 and number % d == 0)


MISFITS: tuple[Callable[[Experiment], Iterator[Complaint]], ...] = (
    _named, _vision, _folders, _text_tower, _language, _projector, _relative_bias, supply, _ranks, _world, _vocabulary,
    _lengths, _budgets,
)  # fmt: skip
"""Everything that can keep a cell from being built or trained as it stands."""
