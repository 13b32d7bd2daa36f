"""Which dictionary of a torch file is the model, and what wrappers of models put before its names."""

from __future__ import annotations

import argparse
import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from pali3kit.errors import WeightsError

MODELS = (
    "state_dict", "model", "model_state_dict", "model_state", "module", "net", "network", "params", "weights",
    "state_dict_ema", "model_ema", "ema", "ema_state_dict", "ema_model", "params_ema", "teacher", "student", "target",
)  # fmt: skip
"""What training programs call the model in their checkpoints."""
DEEPEST = 4  # {"state_dict": {"model": ...}}; a pickle may hold itself
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
"""What torch.compile, FSDP, activation checkpointing and Lightning call the module that they wrap, at any depth."""
UNSAFE = "holds more than tensors, which could run code"


def state_dict(path: Path) -> Mapping[str, Tensor]:
    """The tensors of the model in a torch file.

    Raises WeightsError where it holds several and nobody can know which is meant, or where reading would run code.
    Programs keep their command line beside the model: a Namespace is as harmless as a dictionary.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({found[1]})" if found else ""
        raise WeightsError(f"{path} {UNSAFE}{what}: save its state_dict alone") from error
    return _model_in(content, path, ())


def _model_in(content: object, path: Path, where: tuple[str, ...]) -> dict[str, Tensor]:
    if not isinstance(content, Mapping) or len(where) > DEEPEST:
        return {}
    inside = {str(key): part for key, part in content.items() if isinstance(part, Mapping)}
    known = [name for name in MODELS if _tensors(_model_in(inside.get(name), path, (*where, name)))]
    own = _tensors(content)
    chosen = known or ([] if own else [name for name, part in inside.items() if _tensors(part)])
    if len(chosen) > 1:
        names = ", ".join(repr(name) for name in sorted(chosen))
        keys = "".join(f"[{name!r}]" for name in (*where, chosen[0]))
        raise WeightsError(
            f"{path} holds several models, {names}: which one is meant? Save it alone: "
            f"torch.save(torch.load({path.name!r}){keys}, 'weights.pth')"
        )
    return _model_in(inside[chosen[0]], path, (*where, chosen[0])) if chosen else own


def _tensors(content: Mapping[str, object]) -> dict[str, Tensor]:
    return {str(name): part for name, part in content.items() if isinstance(part, Tensor)}


def without_wrappers(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Names without what wrappers put into them. Raises WeightsError where two become one."""
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        short = _plain(name.split("."))
        if short in plain:
            raise WeightsError(f"{path} holds {short} twice, with and without what a wrapper puts before it")
        plain[short] = tensor
    return plain


def _plain(parts: Iterable[str]) -> str:
    kept = [part for part in parts if part not in WRAPPERS]
    return ".".join(kept[1:] if len(kept) > 1 and kept[0] == "module" else kept)
