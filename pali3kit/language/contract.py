"""What PaLI asks of a language model. Shape letters: B memories, R targets, R/B neighbours to each memory (beams)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

from pali3kit.types import Json

if TYPE_CHECKING:
    from pali3kit.weights.report import LoadReport


class Cache(Protocol):
    """What a model remembers between the steps of one generation."""

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`, each still at a row of its own memory."""
        ...

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets and these memories alone."""
        ...


class LanguageModel(nn.Module):
    """An encoder-decoder, or a decoder that reads the memory as its prefix.

    Attributes:
        width: D. vocabulary: rows of the embedding that are used, V.
        start_id: the id that targets begin with. eos_id: the one that they end with.
        options: with them, its kind and its vocabulary another one like it can be built.
        attention: of the encoder, one of `language.attention.BACKENDS` or `"auto"`; a model may have no choice.
        checkpointing: compute each layer's activations again in the backward pass instead of keeping them.
        load_report: where its weights came from, if they came from a file.
    """

    width: int
    vocabulary: int
    start_id: int
    eos_id: int
    options: dict[str, Json]
    attention: str = "auto"
    checkpointing: bool = False
    load_report: LoadReport | None = None

    def demand_positions(self, prefix: int, target: int) -> None:
        """Raise ConfigError where positions run out for `prefix` tokens (images and prompt) and `target` tokens."""

    def embed(self, ids: Tensor) -> Tensor:
        """`[B,N] int64 -> [B,N,D]`."""
        raise NotImplementedError

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """`[B,N,D]` and a mask `[B,N]` (True where there is a token) to the memory `[B,N,D]`."""
        raise NotImplementedError

    def new_cache(self, capacity: int) -> Cache:
        """An empty cache for one generation of at most `capacity` tokens."""
        raise NotImplementedError

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """The last states `[R,T,D]` of `ids` `[R,T]`, of which `to_logits` makes logits.

        `memory` is `[B,N,D]` with mask `[B,N]`; R/B neighbouring rows of `ids` share a row of it. With a cache, one
        that `new_cache` made, `ids` are only the new tokens.
        """
        raise NotImplementedError

    def to_logits(self, x: Tensor) -> Tensor:
        """`[...,D] -> [...,V]`."""
        raise NotImplementedError
