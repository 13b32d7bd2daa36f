"""What is imported is declared in pyproject.toml, and what is declared there is imported."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = {"open_clip": "open-clip-torch", "PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}
"""The distributions of modules that have another name than theirs."""
STUBS = {"_typeshed"}  # for type checkers alone
EXTRAS = ("hf", "parquet", "pdf", "ocr", "sets", "slurm", "video", "wups")
UNIMPORTED = {
    "protobuf": "transformers opens SentencePiece files with it",
    "onnxruntime": "rapidocr runs its models with it",
    "matplotlib": "drops out together with the report's rewrite",
}
"""Declared distributions that no module imports, and why they are needed all the same."""


def imported(folder: Path) -> Iterator[str]:
    """Top-level names of all modules that are imported below `folder`, in functions too."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0]


def declared(*extras: str) -> set[str]:
    """Normalised names of the distributions that pali3kit depends on, with those of `extras`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    found = (re.match(r"[\w.-]+", line) for line in lines)
    return {normalised(match[0]) for match in found if match} - {"pali3kit"}


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


NEEDED = {
    normalised(DISTRIBUTIONS.get(name, name))
    for name in set(imported(ROOT / "pali3kit"))
    if name not in {*sys.stdlib_module_names, *STUBS, "pali3kit"}
}


def test_what_is_imported_is_declared() -> None:
    assert sorted(NEEDED - declared(*EXTRAS, "demo", "lmms-eval", "dev")) == []


def test_what_is_declared_is_imported() -> None:
    """The extra `dev` is left out: its tools are run, not imported."""
    assert sorted(declared(*EXTRAS) - NEEDED - UNIMPORTED.keys()) == []


def test_no_reason_outlives_its_need() -> None:
    assert not UNIMPORTED.keys() & NEEDED
