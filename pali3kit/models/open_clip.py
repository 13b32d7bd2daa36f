"""Both towers of an open_clip model, as they are: for zero-shot classification and retrieval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import open_clip
import torch
from torch import Tensor, nn

from pali3kit.errors import RegistryError, nearest


class OpenClipTowers(nn.Module):
    """Image and text embeddings of any open_clip model in one space, with its log-temperature and bias.

    It answers as `TwoTowers` does: `forward(images, ids)`, `log_scale`, `bias` (0 where the model has none, as CLIP).

    Args:
        name: as open_clip has it, `ViT-B-16-SigLIP`.
        pretrained: a tag of open_clip's weights, which are fetched, or a file of weights; None starts from random ones.

    Raises:
        RegistryError: open_clip has no such model.
    """

    def __init__(self, name: str, pretrained: str | None = None) -> None:
        super().__init__()
        if name not in open_clip.list_models():
            raise RegistryError(f"open_clip has no model '{name}'.{nearest(name, open_clip.list_models())}")
        self.model, _, self.preprocess = open_clip.create_model_and_transforms(name, pretrained=pretrained)
        self.tokenizer = open_clip.get_tokenizer(name)

    @property
    def log_scale(self) -> Tensor:
        """The logits of unit embeddings are scaled by its exponential."""
        return self.model.logit_scale  # type: ignore[no-any-return]

    @property
    def bias(self) -> Tensor:
        """What is added to the logits."""
        given: Tensor | None = getattr(self.model, "logit_bias", None)
        return torch.zeros_like(self.log_scale) if given is None else given

    def forward(self, images: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """`[B,3,H,W]` and `[C,L]` to two embeddings `[B,E]` and `[C,E]`, not yet normalised."""
        return self.model.encode_image(images), self.model.encode_text(ids)

    def tokens(self, texts: Sequence[str]) -> Tensor:
        """Texts to ids int64 `[C,L]`, by the model's own tokenizer."""
        ids: Any = self.tokenizer(list(texts))
        return ids  # type: ignore[no-any-return]
