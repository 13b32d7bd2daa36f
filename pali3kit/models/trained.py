"""A dual encoder that was trained here: `TwoTowers` and its tokenizer with the interface of `DualEncoder`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.models.text_tower import padded_ids
from pali3kit.models.two_towers import TwoTowers
from pali3kit.text.tokenizer import Tokenizer


class TrainedDualEncoder(DualEncoder):
    """A `TwoTowers` and its tokenizer. Without an image tower it embeds texts only, and has no `image_spec`."""

    canonical_prompts = True

    def __init__(self, model: TwoTowers, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.model, self.tokenizer = model, tokenizer
        if model.vision is not None:
            self.image_spec = model.vision.image_spec

    def embed_images(self, images: Tensor) -> Tensor:
        return self.model.embed_images(images)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to `[C,E]`, not normalised; texts longer than the tower's positions are truncated."""
        positions = self.model.text.positions
        ids = padded_ids(texts, self.tokenizer, positions.shape[1])
        embeddings: Tensor = self.model.text(ids.to(positions.device))
        return embeddings
