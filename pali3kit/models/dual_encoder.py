"""The interface of dual encoders, which zero-shot classification and retrieval use."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from pali3kit.images.spec import ImageSpec


class DualEncoder(nn.Module):
    """An image tower and a text tower with one embedding space, and their preprocessing.

    Attributes:
        image_spec: the preprocessing of images.
        canonical_prompts: whether class prompts are lower-cased and stripped of punctuation first, as for SigLIP.
    """

    image_spec: ImageSpec
    canonical_prompts: bool

    def embed_images(self, images: Tensor) -> Tensor:
        """Images `[B,3,H,W]`, prepared as `image_spec` says, to embeddings `[B,E]`, not normalised."""
        raise NotImplementedError

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Raw texts to embeddings `[C,E]`, not normalised; lower-casing and tokenising included."""
        raise NotImplementedError
