"""Encoder-decoders of transformers, for instance T5Gemma, mT5 or BART."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from pali3kit.language.adapters.base import HfLanguage, token


class HfSeq2Seq(HfLanguage):
    """Any `AutoModelForSeq2SeqLM` whose encoder takes embeddings. Arguments are those of `HfLanguage`."""

    def __init__(self, model: Any, vocabulary: int) -> None:
        super().__init__(model, vocabulary, token(model.config, "decoder_start_token_id", "bos_token_id"))

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """`[B,N,D]` and a mask `[B,N]` to the memory `[B,N,D]`."""
        output = self.model.get_encoder()(inputs_embeds=embeds, attention_mask=mask.long())
        return output.last_hidden_state  # type: ignore[no-any-return]

    def new_cache(self, capacity: int) -> Seq2SeqCache:
        """An empty cache; it grows by itself."""
        return Seq2SeqCache()

    def decode_states(
        self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Seq2SeqCache | None = None
    ) -> Tensor:
        """Logits `[R,T,V]` of `ids` `[R,T]`; with a cache, `ids` are only the new tokens."""
        cache, caching = cache or Seq2SeqCache(), cache is not None
        if cache.memory is None:  # R/B neighbours share a row, which transformers wants repeated
            cache.memory, cache.mask = (x.repeat_interleave(len(ids) // len(x), 0) for x in (memory, memory_mask))
        output = self.model(
            encoder_outputs=_outputs(cache.memory),
            attention_mask=cache.mask.long(),
            decoder_input_ids=ids,
            decoder_attention_mask=ids.new_ones(len(ids), cache.length() + ids.shape[1]),
            past_key_values=cache.past,
            use_cache=caching,
        )
        cache.past = output.past_key_values if caching else None
        return output.logits[..., : self.vocabulary]  # type: ignore[no-any-return]


def _outputs(memory: Tensor) -> Any:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=memory)


class Seq2SeqCache:
    """The cache of transformers, and the memories that go with its rows."""

    def __init__(self) -> None:
        self.past: Any = None
        self.memory: Tensor | None = None
        self.mask: Any = None

    def length(self) -> int:
        """Tokens so far."""
        return 0 if self.past is None else int(self.past.get_seq_length())

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`, each still at a row of its own memory."""
        if self.past is not None:
            self.past.reorder_cache(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets alone."""
        if self.past is not None and self.memory is not None:
            for part in (self.past.self_attention_cache, self.past.cross_attention_cache):
                part.batch_select_indices(targets)
            self.memory, self.mask = self.memory[targets], self.mask[targets]
