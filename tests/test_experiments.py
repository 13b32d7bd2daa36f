"""Every shipped YAML file parses against the code, for every scale, and no key of it can be misspelt."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pali3kit.config.load import load
from pali3kit.errors import ConfigError

FOLDER = Path(__file__).parents[1] / "experiments"
EXPERIMENTS = sorted(FOLDER.glob("*.yaml"))
SCALES = sorted((FOLDER / "scales").glob("*.yaml"))


def keys(file: Path) -> Iterator[tuple[str, int, int]]:
    """Every key of a file with its line and column, both from 0."""
    nodes = [yaml.compose(file.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                yield key.value, key.start_mark.line, key.start_mark.column
                nodes.append(value)
        elif isinstance(node, yaml.SequenceNode):
            nodes += node.value


KEYS = [(file, *found) for file in (*EXPERIMENTS, *SCALES) for found in keys(file)]


def misspell(key: str) -> str:
    """Double the last letter: `patch` becomes `patchh`."""
    return key + key[-1]


def test_there_are_experiments_and_scales() -> None:
    assert {file.stem for file in SCALES} >= {"smoke", "embedded", "paper"}
    assert "ablate_classif" in {file.stem for file in EXPERIMENTS}


@pytest.mark.parametrize("scale", [file.stem for file in SCALES])
@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_every_experiment_checks_clean_at_every_scale(
    file: Path, scale: str, tables_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tables_data)
    assert load(file, [f"scale={scale}"]).scale == scale


@pytest.mark.parametrize(
    ("file", "key", "line", "column"), KEYS, ids=[f"{file.stem}:{line + 1}:{key}" for file, key, line, _ in KEYS]
)
def test_no_key_can_be_misspelt(file: Path, key: str, line: int, column: int, tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    copy = tmp_path / file.relative_to(FOLDER)
    lines = copy.read_text(encoding="utf-8").splitlines()
    before, after = lines[line][:column], lines[line][column:]
    assert after.startswith(key)
    lines[line] = before + misspell(key) + after[len(key) :]
    copy.write_text("\n".join(lines), encoding="utf-8")

    scaled = file.parent.name == "scales"
    experiment = tmp_path / (EXPERIMENTS[0] if scaled else file).name
    with pytest.raises(ConfigError) as error:
        load(experiment, [f"scale={file.stem}"] if scaled else [])
    told = [str(problem) for problem in error.value.problems if str(problem).startswith(f"{copy}:{line + 1}: ")]
    nearest = [f"Did you mean '{each}'?" for each in (key, key.rpartition(".")[2])]
    of_an_axis = re.search(
        rf"missing key 'data\.benchmarks\.{key}\.name'", str(error.value)
    )  # which sets an option of it
    assert of_an_axis or any(
        re.search(rf"'(.*\.)?{misspell(key)}'", text) and text.endswith(tuple(nearest)) for text in told
    ), str(error.value)
