"""Reading models of Hugging Face transformers, from a hub repository or a local folder, for the adapters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pali3kit.errors import ConfigError, WeightsError, first_line
from pali3kit.nn.pretrained import loads_pretrained

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def read_hf_config(source: str, trust_remote_code: bool = False) -> PretrainedConfig:
    """The `config.json` of the model at `source`, read by transformers; code beside it runs only if it is trusted.

    Raises:
        ConfigError: transformers is missing.
        WeightsError: `source` is no folder or repository with a model.
    """
    try:
        import transformers
    except ImportError as error:
        raise ConfigError([f"hf/{source} needs transformers: pip install 'pali3kit[hf]'"]) from error
    if source.startswith((".", "/")) and not Path(source).is_dir():
        raise WeightsError(f"hf/{source}: there is no folder {Path(source).resolve()}")
    try:
        config: PretrainedConfig = transformers.AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except Exception as error:  # a damaged file raises any of many errors
        raise WeightsError(f"hf/{source} is no model of transformers: {first_line(error)}") from error
    return config


def load_hf_model(source: str, name: str, may_miss: str = "", trust_remote_code: bool = False) -> tuple[Any, set[str]]:
    """The model at `source` as transformers' class `name`, in its files' dtype, and the tensors missing from the files.

    Raises WeightsError where files cannot be read, or lack tensors whose names do not start with `may_miss`.
    """
    import transformers

    trusted = {"trust_remote_code": trust_remote_code} if name.startswith("Auto") else {}
    if not loads_pretrained():
        return _random_model(source, name, trusted), set()
    try:
        model, report = getattr(transformers, name).from_pretrained(source, output_loading_info=True, **trusted)
    except Exception as error:  # a damaged file raises any of many errors
        raise WeightsError(f"the weights of hf/{source} cannot be loaded: {first_line(error)}") from error
    missing = set(report["missing_keys"])
    if unexpected := sorted(key for key in missing if not (may_miss and key.startswith(may_miss))):
        raise WeightsError(
            f"the weights of hf/{source} lack {len(unexpected)} of the tensors of {name}, such as {unexpected[0]}"
        )
    return model, missing


def _random_model(source: str, name: str, trusted: Mapping[str, bool]) -> Any:
    """The same model with random weights."""
    import transformers

    model_class = getattr(transformers, name)
    if name.startswith("Auto"):
        return model_class.from_config(transformers.AutoConfig.from_pretrained(source, **trusted), **trusted)
    return model_class(model_class.config_class.from_pretrained(source))
