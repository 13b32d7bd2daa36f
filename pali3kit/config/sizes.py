"""How many parameters parts have, from their shapes alone."""

from __future__ import annotations

from pali3kit.config.shapes import LanguageShape, VitShape
from pali3kit.registry import OPTIMIZER

MOMENTS = 8  # bytes a parameter of two fp32 moments, for optimizers that do not tell what they keep
LEARNING = 8  # bytes a parameter of fp32 weights and gradients


def vit_parameters(shape: VitShape, image_size: int) -> int:
    """Of a ViT without its head: patches, positions, blocks and the last norm."""
    width, mlp = shape.width, shape.mlp
    patches = (3 * shape.patch**2 + 1) * width
    positions = (image_size // shape.patch) ** 2 * width
    return patches + positions + _blocks(width, shape.depth, mlp)


def text_tower_parameters(
    vocabulary: int, length: int, out: int, width: int, depth: int, mlp: int, bottleneck: int | None = None
) -> int:
    """Of a `siglip_text`: table of tokens, its widening, positions, blocks with the last norm, and head."""
    table = vocabulary * width if bottleneck is None else bottleneck * (vocabulary + width)
    return table + length * width + _blocks(width, depth, mlp) + (width + 1) * out


def _blocks(width: int, depth: int, mlp: int) -> int:
    """Of a transformer with its last norm."""
    block = 4 * (width**2 + width) + (width + 1) * mlp + (mlp + 1) * width + 4 * width
    return depth * block + 2 * width


def language_parameters(shape: LanguageShape, vocabulary: int, gated: bool, tied: bool, buckets: int) -> int:
    """Of a `ul2`: embedding, layers, relative biases, norms, and logits of its own unless they are tied."""
    attention = 4 * shape.width * shape.heads * shape.head_width
    feed = (3 if gated else 2) * shape.width * shape.mlp
    encoder = shape.encoder_depth * (attention + feed + 2 * shape.width)
    decoder = shape.decoder_depth * (2 * attention + feed + 3 * shape.width)
    tables = vocabulary * shape.width * (1 if tied else 2)
    return tables + encoder + decoder + 2 * buckets * shape.heads + 2 * shape.width


def least_bytes(parameters: int, optimizer: str) -> int:
    """What weights, gradients and moments need at the least: activations come on top.

    Raises RegistryError for an unknown optimizer.
    """
    moments = OPTIMIZER.describe(optimizer).moments
    return parameters * (LEARNING + (MOMENTS if moments is None else moments))
