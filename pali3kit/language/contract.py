"""The interface of language models.

Shapes: B memories (encoded inputs), R targets; R/B adjacent targets (beams) share a memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

from pali3kit.types import Json

if TYPE_CHECKING:
    from pali3kit.weights.report import LoadReport


class Cache(Protocol):
    """Keys and values that a model keeps between the steps of one generation."""

    def reorder(self, rows: Tensor) -> None:
        """Replace the targets by those of the indices `rows` `[R]`, each of the same memory as before."""
        ...

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Drop all targets and memories but those of these indices."""
        ...


class LanguageModel(nn.Module):
    """An encoder-decoder, or a decoder whose prefix is the memory.

    Attributes:
        width: of the embeddings and hidden states, D.
        vocabulary: used rows of the embedding, V.
        start_id: the id before the first target token.
        eos_id: the id that ends targets.
        options: keyword arguments that, with the vocabulary, build a model of the same shape.
        attention: backend of the encoder, one of `language.attention.BACKENDS` or `"auto"`; some models ignore it.
        gradient_checkpointing: recompute each layer's activations in the backward pass instead of keeping them.
        load_report: what was loaded, if its weights came from a file.
    """

    width: int
    vocabulary: int
    start_id: int
    eos_id: int
    options: dict[str, Json]
    attention: str = "auto"
    gradient_checkpointing: bool = False
    load_report: LoadReport | None = None

    def require_positions(self, prefix: int, target: int) -> None:
        """Raise ConfigError if there are too few positions for `prefix` (images and prompt) and `target` tokens."""

    def embed(self, ids: Tensor) -> Tensor:
        """`[B,N] int64 -> [B,N,D]`."""
        raise NotImplementedError

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """Embeddings `[B,N,D]` with mask `[B,N]`, False for padding, to the memory `[B,N,D]`."""
        raise NotImplementedError

    def new_cache(self, capacity: int) -> Cache:
        """An empty cache for one generation of at most `capacity` tokens."""
        raise NotImplementedError

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """The decoder's last hidden states `[R,T,D]` of `ids` `[R,T]`, the input of `to_logits`.

        `memory` is `[B,N,D]` with mask `[B,N]`; R/B neighbouring rows of `ids` share a row of it. With a cache (from
        `new_cache`), `ids` are the new tokens only.
        """
        raise NotImplementedError

    def to_logits(self, x: Tensor) -> Tensor:
        """`[...,D] -> [...,V]`."""
        raise NotImplementedError
