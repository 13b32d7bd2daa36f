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
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
"""What torch.compile, FSDP, activation checkpointing and Lightning call the module that they wrap, at any depth."""
COUNTER = "n_averaged"
"""Of how many models torch's AveragedModel is the mean: it stands beside its `module`."""
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
        if not _begins_as_torchs(path):
            raise WeightsError(f"{path} is not a readable file of weights: it was not written by torch.save") from error
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({found[1]})" if found else ""
        raise WeightsError(f"{path} {UNSAFE}{what}: save its state_dict alone") from error
    return _model_in(content, path, (), {})


def _begins_as_torchs(path: Path) -> bool:
    """Whether the file begins as an archive or a pickle does, and not as a page of the web, say."""
    with path.open("rb") as file:
        return file.read(1) in (b"P", b"\x80")


def _model_in(
    content: object, path: Path, where: tuple[str, ...], found: dict[int, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """`found` is what each dictionary holds, by its identity: a pickle may hold itself, or one a million times."""
    if not isinstance(content, Mapping):
        return {}
    if id(content) not in found:
        found[id(content)] = {}
        found[id(content)] = _choose(content, path, where, found)
    return found[id(content)]


def _choose(
    content: Mapping[object, object], path: Path, where: tuple[str, ...], found: dict[int, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """By its name a model, else the tensors themselves, else a dictionary of tensors, else what has one inside."""
    # an optimizer's state is by number
    inside = {key: part for key, part in content.items() if isinstance(key, str) and isinstance(part, Mapping)}
    known = [name for name in MODELS if _model_in(inside.get(name), path, (*where, name), found)]
    own = _tensors(content)
    if own and not known:
        return own
    chosen = known or [name for name, part in inside.items() if _tensors(part)]
    chosen = chosen or [name for name, part in inside.items() if _model_in(part, path, (*where, name), found)]
    if len(chosen) > 1:
        names = ", ".join(repr(name) for name in sorted(chosen)[:8])
        keys = "".join(f"[{name!r}]" for name in (*where, chosen[0]))
        raise WeightsError(
            f"{path} holds several models, {names}: which one is meant? Save it alone: "
            f"torch.save(torch.load({path.name!r}){keys}, 'weights.pth')"
        )
    return _model_in(inside[chosen[0]], path, (*where, chosen[0]), found) if chosen else {}


def _tensors(content: Mapping[object, object]) -> dict[str, Tensor]:
    return {str(name): part for name, part in content.items() if isinstance(part, Tensor)}


def without_wrappers(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Names without what wrappers put into them. Raises WeightsError where two become one."""
    plain: dict[str, Tensor] = {}
    averaged = any(name.startswith("module.") for name in tensors)
    for name, tensor in tensors.items():
        if averaged and name == COUNTER:
            continue
        short = _plain(name.split("."))
        if short in plain:
            raise WeightsError(f"{path} holds {short} twice, with and without what a wrapper puts before it")
        plain[short] = tensor
    return plain


def _plain(parts: Iterable[str]) -> str:
    kept = [part for part in parts if part not in WRAPPERS]
    return ".".join(kept[1:] if len(kept) > 1 and kept[0] == "module" else kept)
