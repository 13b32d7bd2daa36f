"""Whether what a cell trains can fit the device that it states: weights, gradients and moments at the least."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from pali3kit.config.budgets import Complaint
from pali3kit.config.part import Optimizer
from pali3kit.config.schema import Experiment
from pali3kit.config.shapes import LanguageShape, VitShape, resolve, resolve_language
from pali3kit.config.sizes import language_parameters, least_bytes, text_tower_parameters, vit_parameters
from pali3kit.errors import ConfigError
from pali3kit.registry import OPTIMIZER

GIBI = 1 << 30
MOST_RANKS = 100_000  # more are no advice


def affordable(cell: Experiment, stage: str, parameters: int, optimizer: Optimizer) -> Iterator[Complaint]:
    """Check that the device can hold so many learning `parameters` (0: not known); activations, `plan` tells."""
    if optimizer.name not in OPTIMIZER.names():
        return  # told elsewhere
    runtime = cell.runtime
    shares = runtime.ranks if runtime.strategy == "fsdp" else 1
    need = least_bytes(parameters, optimizer.name) / GIBI
    if 0 < runtime.memory < need / shares:
        text = (
            f"{parameters:,} parameters with {optimizer.name} need at least {need / shares:.1f} GiB on each device of"
            f" {runtime.memory:g} GiB"
        )
        ranks = need / runtime.memory
        shared = f": let {ceil(ranks)} ranks share them (runtime.strategy=fsdp)." if ranks < MOST_RANKS else "."
        yield f"stages.{stage}", text + shared


def vision_parameters(cell: Experiment) -> int:
    """Of our own encoder; 0 where it is not known before it is built."""
    shape = _shape(cell)
    return vit_parameters(shape, cell.model.image_size) if shape is not None and shape.patch > 0 else 0


def _shape(cell: Experiment) -> VitShape | None:
    """The encoder's; None where it is not known before it is built: what is wrong with it is told elsewhere."""
    options = cell.model.vision.options
    try:
        return resolve(**{key: options[key] for key in ("size", *VitShape.__slots__)})
    except (ConfigError, KeyError):
        return None


def language_size(cell: Experiment) -> int:
    """The parameters of our own language model; 0 where it is somebody's."""
    options = cell.model.language.options
    if cell.model.language.name != "ul2":
        return 0
    try:
        shape = resolve_language(**{key: options[key] for key in ("size", *LanguageShape.__slots__)})
    except (ConfigError, KeyError):
        return 0
    vocabulary = cell.tokenizer.vocabulary or 0
    return language_parameters(shape, vocabulary, options["gated"], options["tied"], options["buckets"])


def text_parameters(cell: Experiment) -> int:
    """Of the text tower that is LiT-tuned; 0 where its shape, or what it must meet, is not known here."""
    tower, pretraining, shape = cell.stages.lit.text or cell.stages.vision.text, cell.stages.vision, _shape(cell)
    if tower.name != "siglip_text" or cell.model.vision.name != "vit" or shape is None:
        return 0
    numbers = {key: tower.options[key] for key in ("width", "depth", "mlp", "bottleneck")}
    return text_tower_parameters(cell.tokenizer.vocabulary or 0, pretraining.text_length, shape.width, **numbers)
