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


def keys(file: Path) -> Iterator[tuple[str, str, int, int]]:
    """Every key of a file, where it stands, by the keys and components above it, and its line and column, from 0."""
    nodes = [("", yaml.compose(file.read_text(encoding="utf-8")))]
    while nodes:
        place, node = nodes.pop()
        if isinstance(node, yaml.MappingNode):
            name = next((value.value for key, value in node.value if place and key.value == "name"), "")
            for key, value in node.value:
                yield key.value, f"{place}({name}).{key.value}", key.start_mark.line, key.start_mark.column
                nodes.append((f"{place}({name}).{key.value}", value))
        elif isinstance(node, yaml.SequenceNode):
            nodes += [(f"{place}[]", each) for each in node.value]


def misspellings() -> list[object]:
    """Every key of every file; those that stand at the same place in a file before are slow tests."""
    seen, found = set[tuple[bool, str]](), list[object]()
    for file in (*EXPERIMENTS, *SCALES):
        for key, place, line, column in keys(file):
            again = (file in SCALES, place) in seen
            seen.add((file in SCALES, place))
            marks = [pytest.mark.slow] if again else []
            found.append(pytest.param(file, key, line, column, id=f"{file.stem}:{line + 1}:{key}", marks=marks))
    return found


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


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of all files."""
    return Path(shutil.copytree(FOLDER, tmp_path_factory.mktemp("copied") / "experiments"))


@pytest.fixture
def copy(copied: Path, file: Path) -> Iterator[Path]:
    """The copy of one file, to be written over."""
    yield copied / file.relative_to(FOLDER)
    shutil.copyfile(file, copied / file.relative_to(FOLDER))


@pytest.mark.parametrize(("file", "key", "line", "column"), misspellings())
def test_no_key_can_be_misspelt(file: Path, key: str, line: int, column: int, copied: Path, copy: Path) -> None:
    lines = copy.read_text(encoding="utf-8").splitlines()
    before, after = lines[line][:column], lines[line][column:]
    assert after.startswith(key)
    lines[line] = before + misspell(key) + after[len(key) :]
    copy.write_text("\n".join(lines), encoding="utf-8")

    scaled = file.parent.name == "scales"
    experiment = copied / (EXPERIMENTS[0] if scaled else file).name
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
