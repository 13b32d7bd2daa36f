"""What PaLI asks of a language model. Shape letters: B memories, R targets, R/B neighbours to each memory (beams)."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor


class Cache(Protocol):
    """What a model remembers between the steps of one generation."""

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`, each still at a row of its own memory."""
        ...

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets and these memories alone."""
        ...


class Language(Protocol):
    """An encoder-decoder, or a decoder that reads the memory as its prefix."""

    width: int
    vocabulary: int
    start_id: int
    eos_id: int

    def embed(self, ids: Tensor) -> Tensor:
        """`[B,N] int64 -> [B,N,D]`."""
        ...

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """`[B,N,D]` and a mask `[B,N]` (True where there is a token) to the memory `[B,N,D]`."""
        ...

    def new_cache(self, capacity: int) -> Cache:
        """An empty cache for one generation of at most `capacity` tokens."""
        ...

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Any = None) -> Tensor:
        """The last states `[R,T,D]` of `ids` `[R,T]`; with a cache, one that
        `new_cache` made, `ids` are only the new tokens.
        """
        ...

    def to_logits(self, x: Tensor) -> Tensor:
        """`[...,D] -> [...,V]`."""
        ...
