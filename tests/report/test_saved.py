"""The saved experiment is the one that ran, wherever it is read."""

from __future__ import annotations

import pytest

from pali3kit.config import saved, schema
from pali3kit.config.written import written
from pali3kit.errors import ConfigError, DataError


def test_what_is_saved_is_read_again_without_scale_files(made_up, tmp_path):
    run = made_up(["probe"], grid={"pretrain": ["classif", "siglip"], "model.vision.depth": [1, 2]})
    assert saved.read_experiment(tmp_path) == run.experiment


def test_parts_are_written_flat(made_up):
    config = written(made_up(["probe"]).experiment)
    assert config["model"]["vision"]["name"] == "vit"
    assert config["model"]["vision"]["width"] == 32


def test_a_folder_that_is_no_runs_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"is not a run folder: it has no experiment\.yaml"):
        saved.read_experiment(tmp_path)


def test_a_spoilt_experiment_is_refused_with_its_line(made_up, tmp_path):
    made_up(["probe"])
    path = tmp_path / saved.EXPERIMENT
    path.write_text(path.read_text().replace("scale: embedded", "scail: embedded"))
    with pytest.raises(ConfigError, match=r"experiment.yaml:2: unknown key 'scail'. Did you mean 'scale'\?"):
        saved.read_experiment(tmp_path)


def test_one_that_is_no_text_is_told(made_up, tmp_path):
    made_up(["probe"])
    (tmp_path / saved.EXPERIMENT).write_bytes(b"name: \xff")
    with pytest.raises(DataError, match=r"experiment\.yaml is damaged: not UTF-8 at byte 6"):
        saved.read_experiment(tmp_path)


def test_the_store_is_found_from_elsewhere_and_never_made_up(made_up, tmp_path):
    run = made_up(["probe"])
    run.experiment.runtime = schema.Runtime(store="elsewhere/store")
    assert saved.find_store(run.experiment, tmp_path / "made_up") == tmp_path / "store"
    with pytest.raises(DataError, match="run the command where the experiment was run"):
        saved.find_store(run.experiment, tmp_path / "deep" / "made_up")
