"""`pk.load`: a trained PaLI from wherever it is."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from pali3kit.config.hub_id import require_on_hub
from pali3kit.config.saved import EXPERIMENT
from pali3kit.errors import ConfigError, DataError
from pali3kit.execution.progress import LOG
from pali3kit.inference.cell import RunCell
from pali3kit.inference.pali import PaLI
from pali3kit.inference.run import RunCheckpoints


def load_pali(
    place: str | os.PathLike[str],
    *,
    seed: int | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    **point: object,
) -> PaLI:
    """A trained PaLI of a run folder, a folder written by `save_pretrained`, or a repository of the Hugging Face hub.

    Args:
        place: `runs/<name>`, a saved folder, or `owner/name` on the hub, which is downloaded if there is no folder of
            that path, nor one called `owner`: then the folder was meant.
        seed: of a run; by default the first of its seeds.
        device: as `PaLI` takes it.
        dtype: likewise.
        point: values of the axes of a run's grid, where it has several cells: `pretrain="siglip"`. A dotted key is
            given as `**{"model.image_size": 64}`.

    Raises:
        DataError: the run is not finished, or artifacts of it are missing.
        WeightsError: there is no such folder or repository, or the folder is damaged.
        ConfigError: the grid has no such cell, or several.
    """
    place = os.path.expanduser(place)
    folder = Path(place)
    if (folder / EXPERIMENT).is_file():
        return PaLI(RunCheckpoints(RunCell.of(folder, seed, point)), device, dtype)
    if (folder / LOG).is_file():
        raise DataError(f"the run of {place} is not finished: it has no {EXPERIMENT}. Run its experiment again.")
    if not folder.is_dir():
        require_on_hub(place)
    if seed is not None or point:
        names = ", ".join([*(["seed"] if seed is not None else []), *point])
        raise ConfigError([f"{names}: only a run folder has cells to choose from, and {place} has no {EXPERIMENT}."])
    return PaLI.from_pretrained(place, device=device, dtype=dtype)
