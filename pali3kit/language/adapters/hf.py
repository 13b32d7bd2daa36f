"""Any language model of transformers: `hf/<repo or local folder>`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from pali3kit.errors import ConfigError, WeightsError
from pali3kit.language.adapters.base import HfLanguage, HfModel
from pali3kit.language.adapters.causal import HfPrefixLM
from pali3kit.language.adapters.seq2seq import HfSeq2Seq
from pali3kit.nn.unread import reads_weights
from pali3kit.registry import LANGUAGE

KINDS: dict[str, Callable[[HfModel, int], HfLanguage]] = {
    "AutoModelForSeq2SeqLM": HfSeq2Seq,
    "AutoModelForCausalLM": HfPrefixLM,
}


@LANGUAGE.register("hf/", "any encoder-decoder or decoder of transformers: hf/<repo or folder>")
def create_hf(source: str, vocabulary: int) -> HfLanguage:
    """The encoder-decoder at `source`, or the decoder, which then sees all of its prefix; that it does is tried first.

    Args:
        source: a repository, which transformers fetches unless it has it, or a local folder.
        vocabulary: rows that the embedding must have; missing ones are added, surplus ones stay.

    Raises:
        ConfigError: transformers is missing, the model is of neither kind, or is a decoder that cannot be read so.
        WeightsError: there is no such model.
    """
    try:
        import transformers
    except ImportError as error:
        raise ConfigError([f"hf/{source} needs transformers: pip install 'pali3kit[hf]'"]) from error
    if source.startswith((".", "/", "~")):
        source = str(Path(source).expanduser())
        if not Path(source).is_dir():
            raise WeightsError(f"hf/{source}: there is no folder {Path(source).resolve()}")
    try:
        config = transformers.AutoConfig.from_pretrained(source)
        for kind, adapter in KINDS.items():
            auto = getattr(transformers, kind)
            if type(config) in auto._model_mapping:
                model = auto.from_pretrained(source) if reads_weights() else auto.from_config(config)
                wrapped = adapter(_with_rows(model, vocabulary), vocabulary)
                if isinstance(wrapped, HfPrefixLM) and reads_weights():
                    wrapped.eval()
                    wrapped.demand_prefix()
                    wrapped.train()
                return wrapped
    except (OSError, ValueError) as error:
        raise WeightsError(f"hf/{source} is no model of transformers: {str(error).splitlines()[0]}") from error
    raise ConfigError([f"hf/{source} is a '{config.model_type}', not a language model that transformers knows."])


def _with_rows(model: HfModel, vocabulary: int) -> HfModel:
    if model.get_input_embeddings().num_embeddings < vocabulary:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the rows of new tokens: equal weights give equal models
            model.resize_token_embeddings(vocabulary, mean_resizing=reads_weights())
    return model.float()
