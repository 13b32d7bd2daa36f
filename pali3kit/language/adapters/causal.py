"""Decoders of transformers as prefix-LMs, for instance Gemma, Llama or Qwen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pali3kit.errors import ConfigError
from pali3kit.language.adapters.base import HfLanguage, HfModel, token
from pali3kit.language.contract import Cache
from pali3kit.language.seen import Seen


class HfPrefixLM(HfLanguage):
    """Any `AutoModelForCausalLM` that takes embeddings and a mask of four dimensions; its prefix sees all of itself.

    The memory is the prefix as it was embedded: `encode` changes nothing. Layers with a sliding window see as far as
    the others: short of the window nothing changes. Arguments are those of `HfLanguage`.
    """

    def __init__(self, model: HfModel, vocabulary: int) -> None:
        super().__init__(model, vocabulary, token(model.config, "bos_token_id", "eos_token_id"))

    def _positions(self, prefix: int, target: int) -> int:
        return prefix + target

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """The prefix `[B,N,D]` itself: it is read together with the targets."""
        return embeds

    def new_cache(self, capacity: int) -> _CausalCache:
        """An empty cache; it grows by itself."""
        return _CausalCache()

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits `[R,T,V]` of `ids` `[R,T]`; with a cache, `ids` are only the new tokens."""
        assert cache is None or isinstance(cache, _CausalCache), "this cache is another model's"
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
        return output.logits[..., : self.vocabulary]

    def demand_prefix(self) -> None:
        """Try on a few tokens whether this model can be read so: some decoders have a mask of their own.

        Raises ConfigError where the prefix does not see all of itself, padding moves anything, or cached steps are
        others than uncached ones.
        """
        kind = self.model.config.model_type
        try:
            failed = [what for what, holds in self._trial().items() if not holds]
        except Exception as error:
            raise ConfigError([f"a '{kind}' cannot be read with a prefix: {error!r:.200}"]) from error
        if failed:
            raise ConfigError([f"a '{kind}' cannot be read with a prefix: {', '.join(failed)}."])

    @torch.no_grad()
    def _trial(self) -> dict[str, bool]:
        generator = torch.Generator().manual_seed(0)
        table = self.model.get_input_embeddings().weight
        memory = table[torch.randint(len(table), (1, 4), generator=generator)]
        ids, there = torch.randint(self.vocabulary, (1, 2), generator=generator), torch.ones(1, 4, dtype=torch.bool)
        other = torch.cat([memory[:, :3], memory[:, :1] - memory[:, 3:]], 1)
        first, changed = (self._read(prefix, there)[:, 0] for prefix in (memory, other))
        whole = self.decode_states(ids, memory, there)
        cache = self.new_cache(2)
        steps = torch.cat([self.decode_states(ids[:, i : i + 1], memory, there, cache) for i in range(2)], 1)
        padded = self.decode_states(ids, torch.cat([memory, memory], 1), torch.cat([there, ~there], 1))
        near = 1e-3 * float(whole.std())
        return {
            "its first token does not see its last": not torch.allclose(first, changed, atol=1e-6 * float(first.std())),
            "padding moves it": torch.allclose(padded, whole, atol=near),
            "its cache does": torch.allclose(steps, whole, atol=near),
        }

    def _read(self, memory: Tensor, there: Tensor) -> Tensor:
        """The model's own outputs for each token of a prefix."""
        seen = Seen.prefix(there)
        mask = self._mask(seen.visible(memory.shape[1]), memory.dtype)
        return self.model(inputs_embeds=memory, attention_mask=mask, position_ids=seen.positions).logits

    def _mask(self, visible: Tensor, dtype: torch.dtype) -> Tensor | dict[str, Tensor]:
        """`[R,T,L]` as transformers takes a finished mask: added to the scores; one for each kind of layer."""
        least = torch.finfo(dtype).min
        mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill(~visible, least)[:, None]
        kinds = set(getattr(self.model.config, "layer_types", None) or ())
        return dict.fromkeys(kinds, mask) if "sliding_attention" in kinds else mask


class _CausalCache:
    """The cache of transformers, of whole layers alone, and what is seen so far."""

    def __init__(self) -> None:
        from transformers import DynamicCache

        self.past: Any = DynamicCache()  # which says that its rows are LongTensors: no tensor's type is one
        self.seen: Seen | None = None

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`; beams of one prefix have equal positions."""
        self.past.reorder_cache(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets alone."""
        self.past.batch_select_indices(targets)
        self.seen = self.seen.of(targets) if self.seen is not None else None
