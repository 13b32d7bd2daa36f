"""The interface of language models."""

from __future__ import annotations

import pytest
import torch

from pali3kit.language.adapters.causal import HfPrefixLM
from pali3kit.language.adapters.seq2seq import HfSeq2Seq
from pali3kit.language.contract import LanguageModel
from pali3kit.language.prefix_lm import PrefixLM
from pali3kit.language.ul2 import UL2

SHAPE = {"width": 16, "heads": 2, "head_width": 8, "mlp": 16}


def test_every_language_model_is_a_subclass() -> None:
    assert all(issubclass(kind, LanguageModel) for kind in (UL2, PrefixLM, HfPrefixLM, HfSeq2Seq))


def test_abstract_methods_raise() -> None:
    model, x = LanguageModel(), torch.zeros(1, 1)
    assert (model.attention, model.gradient_checkpointing, model.load_report) == ("auto", False, None)
    for asked in (
        lambda: model.embed(x),
        lambda: model.encode(x, x),
        lambda: model.new_cache(1),
        lambda: model.decode_states(x, x, x),
        lambda: model.to_logits(x),
    ):
        with pytest.raises(NotImplementedError):
            asked()


def test_options_build_an_equal_model() -> None:
    ul2 = UL2(vocabulary=20, encoder_depth=1, decoder_depth=2, gated=False, **SHAPE)
    prefix = PrefixLM(vocabulary=20, depth=2, tied=True, **SHAPE)
    for model in (ul2, prefix):
        again = type(model)(vocabulary=20, **model.options)
        assert {name: x.shape for name, x in again.state_dict().items()} == {
            name: x.shape for name, x in model.state_dict().items()
        }


def test_a_cache_of_another_model_is_refused() -> None:
    ul2 = UL2(vocabulary=20, encoder_depth=1, decoder_depth=1, **SHAPE)
    prefix = PrefixLM(vocabulary=20, depth=1, **SHAPE)
    ids, memory, mask = torch.zeros(1, 1, dtype=torch.long), torch.zeros(1, 2, 16), torch.ones(1, 2, dtype=torch.bool)
    for model, other in ((ul2, prefix), (prefix, ul2)):
        with pytest.raises(AssertionError, match="belongs to another model"):
            model.decode_states(ids, memory, mask, other.new_cache(1))
