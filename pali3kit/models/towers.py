"""Two towers that meet in one space, as zero-shot classification and retrieval use them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pali3kit.images.spec import ImageSpec


class Towers(nn.Module):
    """An image tower and a text tower, with the preprocessing of both. Embeddings are not yet of unit length.

    `canonical_prompts`: whether prompts of classes lose capitals and punctuation before they are read, as SigLIP's do.
    """

    image_spec: ImageSpec
    canonical_prompts: bool

    def embed_images(self, images: Tensor) -> Tensor:
        """Pictures as `image_spec` prepares them, `[B,3,H,W]`, to `[B,E]`."""
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts as they are written to `[C,E]`: tokenised, lower-cased where the model wants that, on its device."""
        raise NotImplementedError
