"""Encoder-decoders of transformers, for instance T5Gemma, mT5 or BART."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

from pali3kit.language.adapters.base import HfLanguage, HfModel, token_id
from pali3kit.language.contract import Cache

if TYPE_CHECKING:
    from transformers.modeling_outputs import BaseModelOutput


class HfSeq2Seq(HfLanguage):
    """Any `AutoModelForSeq2SeqLM` whose encoder takes embeddings. Arguments are those of `HfLanguage`."""

    def __init__(self, model: HfModel, vocabulary: int) -> None:
        super().__init__(model, vocabulary, token_id(model.config, "decoder_start_token_id", "bos_token_id"))

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        return self.model.get_encoder()(inputs_embeds=embeds, attention_mask=mask.long()).last_hidden_state

    def new_cache(self, capacity: int) -> _Seq2SeqCache:
        """An empty cache, which grows as needed."""
        return _Seq2SeqCache()

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits `[R,T,V]` of `ids` `[R,T]`; with a cache, `ids` are the new tokens only."""
        assert cache is None or isinstance(cache, _Seq2SeqCache), "this cache belongs to another model"
        cache, caching = cache or _Seq2SeqCache(), cache is not None
        memory, mask = cache.repeated(memory, memory_mask, len(ids))
        output = self.model(
            encoder_outputs=_outputs(memory),
            attention_mask=mask.long(),
            decoder_input_ids=ids,
            decoder_attention_mask=ids.new_ones(len(ids), cache.length() + ids.shape[1]),
            past_key_values=cache.past,
            use_cache=caching,
        )
        cache.past = output.past_key_values if caching else None
        return output.logits[..., : self.vocabulary]


def _outputs(memory: Tensor) -> BaseModelOutput:
    from transformers.modeling_outputs import BaseModelOutput

    return BaseModelOutput(last_hidden_state=memory)


class _Seq2SeqCache:
    """The cache of transformers, and the memories of its rows."""

    def __init__(self) -> None:
        self.past: Any = None
        self._repeated: tuple[Tensor, Tensor] | None = None

    def repeated(self, memory: Tensor, mask: Tensor, targets: int) -> tuple[Tensor, Tensor]:
        """Memories and masks repeated to one row per target, since transformers does not share rows.

        They are computed at the first call only.
        """
        if self._repeated is None:
            shared = targets // len(memory)
            self._repeated = memory.repeat_interleave(shared, 0), mask.repeat_interleave(shared, 0)
        return self._repeated

    def length(self) -> int:
        """Number of tokens so far."""
        return 0 if self.past is None else int(self.past.get_seq_length())

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`; each stays with the same memory."""
        if self.past is not None:
            self.past.reorder_cache(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets only."""
        if self.past is not None and self._repeated is not None:
            for part in (self.past.self_attention_cache, self.past.cross_attention_cache):
                part.batch_select_indices(targets)
            memory, mask = self._repeated
            self._repeated = memory[targets], mask[targets]
