"""Any language model of transformers: `hf/<repo or local folder>`."""

from __future__ import annotations

import os
from collections.abc import Callable

import torch

from pali3kit.errors import ConfigError
from pali3kit.language.adapters.base import HfLanguage, HfModel
from pali3kit.language.adapters.causal import HfPrefixLM
from pali3kit.language.adapters.seq2seq import HfSeq2Seq
from pali3kit.nn.hf import load_hf_model, read_hf_config
from pali3kit.nn.pretrained import loads_pretrained
from pali3kit.registry import LANGUAGE

KINDS: dict[str, Callable[[HfModel, int], HfLanguage]] = {
    "AutoModelForSeq2SeqLM": HfSeq2Seq,
    "AutoModelForCausalLM": HfPrefixLM,
}


@LANGUAGE.register("hf/", "any encoder-decoder or decoder of transformers: hf/<repo or folder>")
def _create(source: str, vocabulary: int, trust_remote_code: bool = False) -> HfLanguage:
    """The encoder-decoder at `source`, or the decoder as a prefix LM, after a check that it can be used so.

    Args:
        source: a repository on the hub, downloaded unless it is cached, or a local folder.
        vocabulary: rows that the embedding must have; missing ones are added.
        trust_remote_code: run the Python code beside the weights, for models that are not part of transformers.

    Raises:
        ConfigError: transformers is missing, or the model is neither an encoder-decoder nor usable as a prefix LM.
        WeightsError: there is no such model, or its weights are unreadable or incomplete.
    """
    source = os.path.expanduser(source)
    config = read_hf_config(source, trust_remote_code)
    import transformers

    remote = getattr(config, "auto_map", {}) if trust_remote_code else {}
    for kind, adapter in KINDS.items():
        if type(config) in getattr(transformers, kind)._model_mapping or kind in remote:
            model: HfModel = load_hf_model(source, kind, trust_remote_code=trust_remote_code)[0]
            wrapped = adapter(_with_rows(model, vocabulary), vocabulary)
            if isinstance(wrapped, HfPrefixLM) and loads_pretrained():
                wrapped.eval()
                wrapped.require_prefix_lm()
                wrapped.train()
            return wrapped
    raise ConfigError([f"hf/{source} is a '{config.model_type}', not a language model of transformers."])


def _with_rows(model: HfModel, vocabulary: int) -> HfModel:
    """The model in fp32, with at least that many rows of its embedding."""
    if model.get_input_embeddings().num_embeddings < vocabulary:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # new rows are random, but equal for equal weights
            model.resize_token_embeddings(vocabulary, mean_resizing=loads_pretrained())
    return model.float()
