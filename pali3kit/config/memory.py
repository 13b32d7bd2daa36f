"""Checks that weights, gradients and moments of what a cell trains fit into the memory of its devices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import ceil
from typing import Literal

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.component import Optimizer
from pali3kit.config.schema import Experiment
from pali3kit.config.shapes import LanguageShape, VitShape
from pali3kit.config.vit_size import block_parameters, vit_parameters
from pali3kit.errors import ConfigError
from pali3kit.registry import OPTIMIZER

GIBI = 1 << 30
FP32 = 4  # bytes
MOMENTS = 2 * FP32  # bytes a parameter: two moments, for optimizers that do not declare their state
LEARNING = 2 * FP32  # bytes a parameter: weights and gradients
MOST_RANKS = 100_000  # a larger number is not suggested

Model = Literal["vision", "language", "text"]
"""Our image encoder, our language model, the text tower that is LiT-tuned."""


def check_memory(cell: Experiment, stage: str, optimizer: Optimizer, *trained: Model) -> Iterator[KeyProblem]:
    """Check that the device can hold weights, gradients and moments of the `trained` models.

    A model whose size is not known before it is built counts as 0. Activations are not counted here, but by `plan`.
    """
    if optimizer.name not in OPTIMIZER.names():
        return  # `typed` has refused it
    parameters = sum(_COUNTS[model](cell) for model in trained)
    runtime = cell.runtime.of(stage)
    need = _least_bytes(parameters, optimizer.name) / GIBI
    if 0 < (memory := runtime.device_memory) < (each := need / runtime.shards):
        text = (
            f"{parameters:,} parameters with {optimizer.name} need at least {each:.1f} GiB on each device of"
            f" {memory:g} GiB"
        )
        ranks = _least_divisor(getattr(cell.stages, stage).batch_size, need / memory)
        shared = f"runtime.stages.{stage}: {{devices: {ranks}, strategy: fsdp}}"
        yield f"stages.{stage}", text + (f": let {ranks} ranks share them ({shared})." if ranks else ".")


def _least_divisor(number: int, least: float) -> int:
    """The smallest divisor of `number` that is not below `least`; 0 if there is none below `MOST_RANKS`."""
    if least > MOST_RANKS:
        return 0
    return next((d for d in range(max(1, ceil(least)), min(number, MOST_RANKS) + 1) if number % d == 0), 0)


def _vision(cell: Experiment) -> int:
    """Parameters of our own encoder; 0 where they are not known before it is built."""
    shape = _shape(cell)
    return vit_parameters(shape, cell.model.image_size) if shape is not None and shape.patch > 0 else 0


def _shape(cell: Experiment) -> VitShape | None:
    """The shape of our encoder; None if it is another encoder or invalid, which `check_compatibility` reports."""
    options = cell.model.vision.options
    try:
        return VitShape.of_options(options)
    except (ConfigError, KeyError):
        return None


def _language(cell: Experiment) -> int:
    """Parameters of our own language model; 0 for other models."""
    options = cell.model.language.options
    if cell.model.language.name != "ul2":
        return 0
    try:
        shape = LanguageShape.of(**{key: options[key] for key in ("size", *LanguageShape.__slots__)})
    except (ConfigError, KeyError):
        return 0
    vocabulary = cell.tokenizer.vocabulary or 0
    return _language_parameters(shape, vocabulary, options["gated"], options["tied"], options["buckets"])


def _text(cell: Experiment) -> int:
    """Parameters of the text tower that is LiT-tuned; 0 where its shape or the encoder's width is unknown."""
    tower, pretraining, shape = cell.stages.lit.text or cell.stages.vision.text, cell.stages.vision, _shape(cell)
    if tower.name != "siglip_text" or cell.model.vision.name != "vit" or shape is None:
        return 0
    numbers = {key: tower.options[key] for key in ("width", "depth", "mlp", "bottleneck")}
    return _text_tower_parameters(cell.tokenizer.vocabulary or 0, pretraining.text_length, shape.width, **numbers)


_COUNTS: dict[Model, Callable[[Experiment], int]] = {"vision": _vision, "language": _language, "text": _text}


def _text_tower_parameters(
    vocabulary: int, length: int, out: int, width: int, depth: int, mlp: int, bottleneck: int | None = None
) -> int:
    """Parameters of a `siglip_text`: token embedding, its projection, positions, blocks with the last norm, head."""
    table = vocabulary * width if bottleneck is None else bottleneck * (vocabulary + width)
    return table + length * width + block_parameters(width, depth, mlp) + (width + 1) * out


def _language_parameters(shape: LanguageShape, vocabulary: int, gated: bool, tied: bool, buckets: int) -> int:
    """Parameters of a `ul2`: embedding, layers, relative biases, norms, and output layer unless it is tied."""
    attention = 4 * shape.width * shape.heads * shape.head_width
    feed = (3 if gated else 2) * shape.width * shape.mlp
    encoder = shape.encoder_depth * (attention + feed + 2 * shape.width)
    decoder = shape.decoder_depth * (2 * attention + feed + 3 * shape.width)
    tables = vocabulary * shape.width * (1 if tied else 2)
    return tables + encoder + decoder + 2 * buckets * shape.heads + 2 * shape.width


def _least_bytes(parameters: int, optimizer: str) -> int:
    """Bytes of weights, gradients and moments, without activations.

    Raises RegistryError for an unknown optimizer.
    """
    moments = OPTIMIZER.describe(optimizer).moments
    return parameters * (LEARNING + (MOMENTS if moments is None else moments))
