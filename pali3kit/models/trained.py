"""Two towers that were trained here, with their tokenizer, behind the interface of `Towers`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from pali3kit.models.text_tower import padded_ids
from pali3kit.models.towers import Towers
from pali3kit.models.two_towers import TwoTowers
from pali3kit.text.tokenizer import Tokenizer


class TrainedTowers(Towers):
    """A `TwoTowers` and its tokenizer."""

    canonical_prompts = True

    def __init__(self, towers: TwoTowers, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.towers, self.tokenizer = towers, tokenizer
        self.image_spec = towers.vision.image_spec

    def embed_images(self, images: Tensor) -> Tensor:
        return self.towers.vision.pooled(images)

    def embed_texts(self, texts: Sequence[str]) -> Tensor:
        """Texts to `[C,E]`, not normalised; texts longer than the tower's positions are truncated."""
        positions = self.towers.text.positions
        ids = padded_ids(texts, self.tokenizer, positions.shape[1])
        embeddings: Tensor = self.towers.text(ids.to(positions.device))
        return embeddings
