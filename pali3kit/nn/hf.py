"""Models of transformers as adapters of several rooms read them, from a repository or a local folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pali3kit.errors import ConfigError, WeightsError, first_line
from pali3kit.nn.unread import reads_weights

if TYPE_CHECKING:
    from transformers import PretrainedConfig


def read_config(source: str, trust_remote_code: bool = False) -> PretrainedConfig:
    """What `config.json` says of the model at `source`, as transformers reads it; without running code beside it,
    unless that is trusted.

    Raises:
        ConfigError: transformers is missing.
        WeightsError: there is no such folder, repository or model.
    """
    try:
        import transformers
    except ImportError as error:
        raise ConfigError([f"hf/{source} needs transformers: pip install 'pali3kit[hf]'"]) from error
    if source.startswith((".", "/")) and not Path(source).is_dir():
        raise WeightsError(f"hf/{source}: there is no folder {Path(source).resolve()}")
    try:
        config: PretrainedConfig = transformers.AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
    except Exception as error:  # a damaged file is told by whatever its reader stumbles over
        raise WeightsError(f"hf/{source} is no model of transformers: {first_line(error)}") from error
    return config


def load_whole(source: str, name: str, may_miss: str = "", trust_remote_code: bool = False) -> tuple[Any, set[str]]:
    """The model at `source` as transformers' class `name`, in the type of its files, and which tensors these lack.

    Raises WeightsError where they cannot be read, or lack others than those that begin with `may_miss`.
    """
    import transformers

    trusted = {"trust_remote_code": trust_remote_code} if name.startswith("Auto") else {}
    if not reads_weights():
        return _unread(source, name, trusted), set()
    try:
        model, report = getattr(transformers, name).from_pretrained(source, output_loading_info=True, **trusted)
    except Exception as error:  # a damaged file is told by whatever its reader stumbles over
        raise WeightsError(f"the weights of hf/{source} cannot be loaded: {first_line(error)}") from error
    lacking = set(report["missing_keys"])
    if missing := sorted(key for key in lacking if not (may_miss and key.startswith(may_miss))):
        raise WeightsError(
            f"the weights of hf/{source} lack {len(missing)} of the tensors of {name}, such as {missing[0]}"
        )
    return model, lacking


def _unread(source: str, name: str, trusted: Mapping[str, bool]) -> Any:
    """A model of the right shape with random weights."""
    import transformers

    wanted = getattr(transformers, name)
    if name.startswith("Auto"):
        return wanted.from_config(transformers.AutoConfig.from_pretrained(source, **trusted), **trusted)
    return wanted(wanted.config_class.from_pretrained(source))
