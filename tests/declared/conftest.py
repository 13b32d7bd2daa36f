from __future__ import annotations

import importlib
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

NUMBERS = count()
FORBIDDEN = "raise RuntimeError('this package must not be imported')\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Writes a package that cannot be imported: `package(gate="def create(): ...")` has the module `gate`.

    Parsed modules are cached, so each package gets a unique name, which is returned.
    """

    def write(**modules: str) -> str:
        name = f"plugin_{next(NUMBERS)}"
        modules = {"__init__": "", **modules}
        for module, text in modules.items():
            file = tmp_path / name / f"{module.replace('__in__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text + "\n" + FORBIDDEN)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return name

    return write
