"""Any language model of transformers: `hf/<repo or local folder>`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from pali3kit.errors import ConfigError, WeightsError, first_line
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
def create_hf(source: str, vocabulary: int, trust_remote_code: bool = False) -> HfLanguage:
    """The encoder-decoder at `source`, or the decoder, which then sees all of its prefix; that it does is tried first.

    Args:
        source: a repository, which transformers fetches unless it has it, or a local folder.
        vocabulary: rows that the embedding must have; missing ones are added, surplus ones stay.
        trust_remote_code: run Python code that lies beside the weights, where the model is not one of transformers.

    Raises:
        ConfigError: transformers is missing, the model is of neither kind, or is a decoder that cannot be read so.
        WeightsError: there is no such model, or its weights cannot be read or are not all.
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
        config = transformers.AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except Exception as error:  # a damaged file is told by whatever its reader stumbles over
        raise WeightsError(f"hf/{source} is no model of transformers: {first_line(error)}") from error
    beside = getattr(config, "auto_map", {}) if trust_remote_code else {}
    for kind, adapter in KINDS.items():
        if type(config) in getattr(transformers, kind)._model_mapping or kind in beside:
            wrapped = adapter(_with_rows(_load(source, kind, trust_remote_code), vocabulary), vocabulary)
            if isinstance(wrapped, HfPrefixLM) and reads_weights():
                wrapped.eval()
                wrapped.demand_prefix()
                wrapped.train()
            return wrapped
    raise ConfigError([f"hf/{source} is a '{config.model_type}', not a language model that transformers knows."])


def _load(source: str, kind: str, trust_remote_code: bool) -> HfModel:
    import transformers

    if not reads_weights():
        trusted = {"trust_remote_code": trust_remote_code}
        config = transformers.AutoConfig.from_pretrained(source, **trusted)
        unread: HfModel = getattr(transformers, kind).from_config(config, **trusted)
        return unread
    try:
        model, report = getattr(transformers, kind).from_pretrained(
            source, output_loading_info=True, trust_remote_code=trust_remote_code
        )
    except Exception as error:  # a damaged file is told by whatever its reader stumbles over
        raise WeightsError(f"the weights of hf/{source} cannot be loaded: {first_line(error)}") from error
    if missing := sorted(report["missing_keys"]):
        raise WeightsError(f"the weights of hf/{source} lack {len(missing)} of its tensors, such as {missing[0]}")
    whole: HfModel = model
    return whole


def _with_rows(model: HfModel, vocabulary: int) -> HfModel:
    if model.get_input_embeddings().num_embeddings < vocabulary:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the rows of new tokens: equal weights give equal models
            model.resize_token_embeddings(vocabulary, mean_resizing=reads_weights())
    return model.float()
