"""The names of timm's models, read from its source: importing timm would import torch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pali3kit.config.budgets import KeyProblem
from pali3kit.config.schema import Experiment
from pali3kit.errors import brief, nearest

_FAMILY = "timm/"
_REGISTERED = re.compile(r"^@register_model\b.*\n(?:@.*\n)*def (\w+)", re.MULTILINE)
_DEPRECATED = re.compile(r"register_model_deprecations\(\s*__name__,\s*\{(.*?)\}\s*\)", re.DOTALL)
_KEY = re.compile(r"""['"](\w+)['"]\s*:""")


def check_timm_name(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that timm has the model that the image encoder names; tags of weights, after a dot, are not known here."""
    family, slash, rest = cell.model.vision.name.partition("/")
    model = rest.partition(".")[0]
    if family + slash == _FAMILY and (known := timm_names()) and model not in known:
        yield "model.vision", f"model.vision: timm has no model '{brief(model)}'.{nearest(model, sorted(known))}"


@cache
def timm_names() -> frozenset[str]:
    """The models of the installed timm, those with deprecated names too; none where it is not installed."""
    spec = find_spec("timm")
    folders = (spec and spec.submodule_search_locations) or ()
    files = [file for folder in folders for file in (Path(folder) / "models").rglob("*.py")]
    return frozenset(name for file in files for name in _names(file.read_text(encoding="utf-8", errors="replace")))


def _names(source: str) -> Iterator[str]:
    yield from _REGISTERED.findall(source)
    for renamed in _DEPRECATED.findall(source):
        yield from _KEY.findall(renamed)
