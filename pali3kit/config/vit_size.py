"""How large our image encoder is, from its shape alone: parameters, and the FLOPs of a forward pass."""

from __future__ import annotations

from pali3kit.config.shapes import VitShape


def vit_parameters(shape: VitShape, image_size: int) -> int:
    """Parameters of a ViT without its head: patches, positions, blocks and the last norm."""
    patches = (3 * shape.patch**2 + 1) * shape.width
    positions = vit_tokens(shape, image_size) * shape.width
    return patches + positions + block_parameters(shape.width, shape.depth, shape.mlp)


def block_parameters(width: int, depth: int, mlp: int) -> int:
    """Parameters of transformer blocks and the last norm."""
    block = 4 * (width**2 + width) + (width + 1) * mlp + (mlp + 1) * width + 4 * width
    return depth * block + 2 * width


def vit_tokens(shape: VitShape, image_size: int) -> int:
    """Tokens of a square image, without a class token."""
    return int((image_size // shape.patch) ** 2)


def vit_flops(shape: VitShape, image_size: int, class_token: bool = False) -> int:
    """FLOPs of one image's forward pass to tokens, two for each multiply-add of matrix products, as torch counts them.

    Patches, then in each block four projections, scores and weighted values, and the MLP.
    """
    patches, width = vit_tokens(shape, image_size), shape.width
    tokens = patches + class_token
    block = 4 * tokens * width**2 + 2 * tokens**2 * width + 2 * tokens * width * shape.mlp
    return 2 * (patches * 3 * shape.patch**2 * width + shape.depth * block)
