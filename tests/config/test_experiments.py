from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.experiments import find_experiment, shipped_experiments
from pali3kit.config.load import load
from pali3kit.errors import ConfigError

FOLDER = Path(__file__).parents[2] / "experiments"


def test_names_are_paths_without_suffix() -> None:
    shipped = shipped_experiments()
    assert shipped["ablate_classif"] == FOLDER / "ablate_classif.yaml"
    assert shipped["public/siglip_b16"] == FOLDER / "public" / "siglip_b16.yaml"
    assert not [name for name in shipped if "scales" in name]


def test_the_first_line_of_each_is_a_sentence_for_list() -> None:
    first = {name: file.read_text(encoding="utf-8").split("\n")[0] for name, file in shipped_experiments().items()}
    assert not [name for name, line in first.items() if not (line.startswith("# ") and line.endswith("."))]


def test_an_installed_package_has_them_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder `experiments` beside an installed package is another package's."""
    monkeypatch.setattr("pali3kit.config.experiments._PACKAGE", tmp_path / "pali3kit")
    for folder in ("pali3kit/experiments", "experiments"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / f"{len(folder)}.yaml").touch()
    assert list(shipped_experiments()) == ["20"]


def test_files_of_the_working_folder_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_experiment("pali3") == FOLDER / "pali3.yaml"
    Path("pali3").mkdir()  # a run's folder, as in `runs`
    assert find_experiment("pali3") == FOLDER / "pali3.yaml"
    Path("pali3.yaml").touch()
    assert find_experiment("pali3") == Path("pali3.yaml")
    Path("labels").touch()
    assert find_experiment("labels") == Path("labels")
    assert find_experiment("no.yaml") == Path("no.yaml")  # `load` says that it is not there


def test_the_nearest_name_is_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no shipped experiment 'siglip_b16'\. Did you mean 'public/siglip_b16'\?"):
        find_experiment("siglip_b16")
    told = r"^experiments/pali3\.yaml: cannot be read: No such file or directory\. One of this name comes with"
    with pytest.raises(ConfigError, match=told):
        load("experiments/pali3.yaml")
