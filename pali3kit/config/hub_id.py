"""Names of models: folders here, or repositories of the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from pali3kit.config.runtime import Runtime
from pali3kit.config.saved import EXPERIMENT
from pali3kit.errors import WeightsError, nearest

_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*", re.ASCII)


def is_hub_id(name: str) -> bool:
    """Whether a text is `OWNER/NAME`, as repositories are called."""
    return _HUB_ID.fullmatch(name) is not None


def may_be_on_hub(place: str) -> bool:
    """Whether a place that is no folder may be on the hub: it is named so, and there is no folder OWNER here.

    `runs/NAME` is a run that is not here, whatever the working folder: the hub would be asked for minutes in vain.
    """
    owner = Path(place).parent
    return is_hub_id(place) and owner != Path(Runtime.runs) and not owner.is_dir()


def require_on_hub(place: str) -> None:
    """Raise WeightsError for a place, which is no folder, that cannot be on the hub (`may_be_on_hub`)."""
    if not may_be_on_hub(place):
        rule = " A repository of the hub is OWNER/NAME, with no folder OWNER here."
        raise WeightsError(f"there is no folder '{place}'.{nearest_folder(place) or rule}")


def nearest_folder(place: str) -> str:
    """A hint to the nearest folder beside a place, or run below `runs`: ` Did you mean 'runs/pali3'?`, or ""."""
    folders = {*Path(place).parent.glob("*/"), *(run.parent for run in Path("runs").glob(f"*/{EXPERIMENT}"))}
    return nearest(place, sorted(map(str, folders)))
