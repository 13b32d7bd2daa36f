"""A language model of transformers, with rows for all of our tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pali3kit.errors import ConfigError, WeightsError


def load(source: str, kind: str, article: str, vocabulary: int) -> Any:
    """The model of the auto class `kind` at `source`, with at least `vocabulary` rows in its embedding.

    Raises:
        ConfigError: transformers is missing, or the model is not `article`.
        WeightsError: there is no such model.
    """
    try:
        import transformers
    except ImportError as error:
        raise ConfigError([f"{source} needs transformers: pip install 'pali3kit[hf]'"]) from error
    if source.startswith((".", "/", "~")) and not Path(source).is_dir():
        raise WeightsError(f"hf/{source}: there is no folder {Path(source).resolve()}")
    try:
        config = transformers.AutoConfig.from_pretrained(source)
        auto = getattr(transformers, kind)
        if type(config) not in auto._model_mapping:
            raise ConfigError([f"{source} is a '{config.model_type}', not {article} that transformers knows"])
        model = auto.from_pretrained(source)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{source} is no model of transformers: {str(error).splitlines()[0]}") from error
    if model.get_input_embeddings().num_embeddings < vocabulary:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)  # the rows of new tokens: equal weights give equal models
            model.resize_token_embeddings(vocabulary)
    return model.float()


def width_of(model: Any) -> int:
    """D of its embeddings."""
    return int(model.get_input_embeddings().embedding_dim)
