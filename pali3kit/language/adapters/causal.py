"""Decoder-only models of the transformers library as prefix LMs, for instance Gemma, Llama or Qwen."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pali3kit.errors import ConfigError
from pali3kit.language.adapters.base import HfLanguage, HfModel, token_id
from pali3kit.language.contract import Cache
from pali3kit.language.prefix_mask import PrefixMask
from pali3kit.nn.precision import matmul_dtype


class HfPrefixLM(HfLanguage):
    """Any `AutoModelForCausalLM` that takes embeddings and a 4D mask, with full attention over the prefix.

    The memory is the embedded prefix: `encode` returns its input. The mask also replaces sliding windows, which makes a
    difference only for inputs longer than the window. Arguments are those of
    `HfLanguage` but `start`, which the model gives.
    """

    def __init__(self, model: HfModel, vocabulary: int) -> None:
        super().__init__(model, vocabulary, token_id(model.config, "bos_token_id", "eos_token_id"))

    def _needed_positions(self, prefix: int, target: int) -> int:
        return prefix + target

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """Return the prefix `[B,N,D]` unchanged: the layers see it together with the targets."""
        return embeds

    def new_cache(self, capacity: int) -> _CausalCache:
        """An empty cache, which grows as needed."""
        return _CausalCache()

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits `[R,T,V]`, not hidden states, of `ids` `[R,T]`; with a cache, `ids` are the new tokens only."""
        assert cache is None or isinstance(cache, _CausalCache), "this cache belongs to another model"
        x, mask = self.embed(ids), cache.mask if cache is not None else None
        if mask is None:  # no tokens are cached: begin with the prefix
            memory, memory_mask = (each.repeat_interleave(len(ids) // len(each), 0) for each in (memory, memory_mask))
            x = torch.cat([memory, x], 1)
            mask = PrefixMask.of_prefix(memory_mask)
        mask, computed = mask.extended(ids.shape[1]), x.shape[1]
        if cache is not None:
            cache.mask = mask
        output = self.model(
            inputs_embeds=x,
            attention_mask=self._additive_mask(mask.visible(computed), matmul_dtype(x)),
            position_ids=mask.positions[:, -computed:],
            past_key_values=None if cache is None else cache.past,
            use_cache=cache is not None,
            logits_to_keep=ids.shape[1],
        )
        return output.logits[..., : self.vocabulary]

    def require_prefix_lm(self) -> None:
        """Check on a few tokens that the model honours the mask: some decoders build their own.

        Raises ConfigError if the prefix does not attend to all of itself, if padding changes the logits, or if cached
        steps differ from uncached ones.
        """
        kind = self.model.config.model_type
        try:
            failed = self._failures()
        except Exception as error:
            raise ConfigError([f"a '{kind}' cannot be used as a prefix LM: {error!r:.200}"]) from error
        if failed:
            raise ConfigError([f"a '{kind}' cannot be used as a prefix LM: {', '.join(failed)}."])

    @torch.no_grad()
    def _failures(self) -> list[str]:
        """What `require_prefix_lm` finds wrong."""
        generator = torch.Generator().manual_seed(0)
        table = self.model.get_input_embeddings().weight
        memory = table[torch.randint(len(table), (1, 4), generator=generator)]
        ids, valid = torch.randint(self.vocabulary, (1, 2), generator=generator), torch.ones(1, 4, dtype=torch.bool)
        other = torch.cat([memory[:, :3], memory[:, :1] - memory[:, 3:]], 1)
        first, changed = (self._prefix_logits(prefix, valid)[:, 0] for prefix in (memory, other))
        whole = self.decode_states(ids, memory, valid)
        cache = self.new_cache(2)
        steps = torch.cat([self.decode_states(ids[:, i : i + 1], memory, valid, cache) for i in range(2)], 1)
        padded = self.decode_states(ids, torch.cat([memory, memory], 1), torch.cat([valid, ~valid], 1))
        tolerance = 1e-3 * float(whole.std())
        checks = {
            "its first token does not see its last": torch.allclose(first, changed, atol=1e-6 * float(first.std())),
            "padding changes its logits": not torch.allclose(padded, whole, atol=tolerance),
            "its cache changes its logits": not torch.allclose(steps, whole, atol=tolerance),
        }
        return [failure for failure, found in checks.items() if found]

    def _prefix_logits(self, memory: Tensor, valid: Tensor) -> Tensor:
        """The model's logits for each token of a prefix."""
        prefix = PrefixMask.of_prefix(valid)
        mask = self._additive_mask(prefix.visible(memory.shape[1]), memory.dtype)
        return self.model(inputs_embeds=memory, attention_mask=mask, position_ids=prefix.positions).logits

    def _additive_mask(self, visible: Tensor, dtype: torch.dtype) -> Tensor | dict[str, Tensor]:
        """The 4D mask to add to attention scores from a bool `[R,T,L]`; by type of layer where some have windows."""
        lowest = torch.finfo(dtype).min
        mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device).masked_fill(~visible, lowest)[:, None]
        layer_types = set(getattr(self.model.config, "layer_types", None) or ())
        return dict.fromkeys(layer_types, mask) if "sliding_attention" in layer_types else mask


class _CausalCache:
    """A cache of the transformers library, without sliding windows, and the mask of all tokens in it."""

    def __init__(self) -> None:
        from transformers import DynamicCache

        self.past: Any = DynamicCache()  # Any: its annotations ask for LongTensor, which no tensor's type matches
        self.mask: PrefixMask | None = None

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets of these indices `[R]`. The mask stays, as beams of one prefix have equal ones."""
        self.past.reorder_cache(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets only."""
        self.past.batch_select_indices(targets)
        self.mask = self.mask.select(targets) if self.mask is not None else None
