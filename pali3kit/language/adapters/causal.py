"""Decoders of transformers as prefix-LMs, for instance Gemma, Llama or Qwen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pali3kit.language.adapters.base import HfLanguage, first
from pali3kit.language.seen import Seen


class HfPrefixLM(HfLanguage):
    """Any `AutoModelForCausalLM` that takes embeddings and a mask of four dimensions; its prefix sees all of itself.

    The memory is the prefix as it was embedded: `encode` changes nothing. Layers with a sliding window see as far as
    the others: short of the window nothing changes. Arguments are those of `HfLanguage`.
    """

    def __init__(self, model: Any, vocabulary: int) -> None:
        start, end = model.config.bos_token_id, model.config.eos_token_id
        super().__init__(model, vocabulary, first(end if start is None else start))

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """The prefix `[B,N,D]` itself: it is read together with the targets."""
        return embeds

    def new_cache(self, capacity: int) -> CausalCache:
        """An empty cache; it grows by itself."""
        return CausalCache()

    def decode_states(
        self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: CausalCache | None = None
    ) -> Tensor:
        """Logits `[R,T,V]` of `ids` `[R,T]`; with a cache, `ids` are only the new tokens."""
        x, seen = self.embed(ids), cache.seen if cache is not None else None
        if seen is None:
            memory, memory_mask = (each.repeat_interleave(len(ids) // len(each), 0) for each in (memory, memory_mask))
            x = torch.cat([memory, x], 1)
            seen = Seen.prefix(memory_mask)
        seen, new = seen.extended(ids.shape[1]), x.shape[1]
        if cache is not None:
            cache.seen = seen
        output = self.model(
            inputs_embeds=x,
            attention_mask=self._mask(seen.visible(new), x.dtype),
            position_ids=seen.positions[:, -new:],
            past_key_values=None if cache is None else cache.past,
            use_cache=cache is not None,
            logits_to_keep=ids.shape[1],
        )
        return output.logits[..., : self.vocabulary]  # type: ignore[no-any-return]

    def _mask(self, visible: Tensor, dtype: torch.dtype) -> Any:
        """`[R,T,L]` as transformers takes a finished mask: added to the scores; one for each kind of layer."""
        least = torch.finfo(dtype).min
        mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill(~visible, least)[:, None]
        kinds = set(getattr(self.model.config, "layer_types", None) or ())
        return dict.fromkeys(kinds, mask) if "sliding_attention" in kinds else mask


class CausalCache:
    """The cache of transformers, of whole layers alone, and what is seen so far."""

    def __init__(self) -> None:
        from transformers import DynamicCache

        self.past: Any = DynamicCache()
        self.seen: Seen | None = None

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`; beams of one prefix have equal positions."""
        self.past.reorder_cache(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets alone."""
        self.past.batch_select_indices(targets)
        self.seen = self.seen.of(targets) if self.seen is not None else None
