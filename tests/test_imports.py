"""Every module can be imported, with the Python and the versions of libraries that are here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import pali3kit

OPTIONAL = {"lmms_eval"}
"""Libraries that modules need which nothing else imports."""


@pytest.mark.slow
def test_every_module_can_be_imported() -> None:
    names = [found.name for found in walk_packages(pali3kit.__path__, "pali3kit.")]
    assert len(names) > 500 and len(list(Path(pali3kit.__file__).parent.rglob("*.py"))) >= len(names)
    for name in names:
        if name.endswith(".__main__"):  # it is a program
            continue
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            assert error.name in OPTIONAL, f"{name}: {error}"
