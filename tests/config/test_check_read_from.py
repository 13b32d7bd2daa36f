"""Places of `runtime.read_from` that cannot be meant."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.errors import ConfigError

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "ablate_classif.yaml"


def loaded(*places: str, store: str = "runs/store") -> list[str]:
    words = ["scale=smoke", f"runtime.store={store}", f"runtime.read_from=[{', '.join(map(repr, places))}]"]
    return load(EXPERIMENT, words).runtime.read_from


def refusal(*places: str, store: str = "runs/store") -> list[str]:
    with pytest.raises(ConfigError) as refused:
        loaded(*places, store=store)
    return [problem.text for problem in refused.value.problems]


def test_package_folders_and_urls_may_be_named_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(EXPERIMENT, ["scale=smoke"]).runtime.read_from == ["package"]
    assert loaded() == []
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab").mkdir()
    urls = ["memory://lab", "https://lab.org/store/", "file:///lab"]
    assert loaded("package", "~/lab", *urls) == ["package", f"{tmp_path}/lab", *urls]
    assert loaded("lab") == ["lab"]


def test_a_folder_that_is_not_there_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "lab_store").mkdir()
    assert refusal(f"{tmp_path}/lab_stor") == [
        f"runtime.read_from: no folder '{tmp_path}/lab_stor'. Did you mean 'lab_store'? Mount it, or take it out."
    ]
    assert refusal("pakage") == ["runtime.read_from: no folder 'pakage'. Did you mean 'package'?"]
    assert refusal(f"{tmp_path}/qqq") == [f"runtime.read_from: no folder '{tmp_path}/qqq'. Mount it, or take it out."]


def test_files_doubles_and_the_store_itself_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "lab").mkdir()
    lab = str(tmp_path / "lab")
    assert refusal(f"{tmp_path}/file") == [
        f"runtime.read_from should name folders and URLs: '{tmp_path}/file' is a file."
    ]
    assert refusal(lab, f"{lab}/") == [f"runtime.read_from names '{lab}/' twice."]
    assert refusal("memory://lab", "memory://lab/") == ["runtime.read_from names 'memory://lab/' twice."]
    assert refusal("package", "package") == ["runtime.read_from names 'package' twice."]
    assert refusal(lab, store=lab) == [f"runtime.read_from names '{lab}', which is runtime.store: leave it out."]
    assert refusal("") == ["runtime.read_from should name a file or folder, not nothing."]
    with pytest.raises(ConfigError, match=r"runtime\.read_from should be a list, not the text 'package'"):
        load(EXPERIMENT, ["scale=smoke", "runtime.read_from=package"])


def test_protocols_are_known_and_their_packages_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert refusal("htp://lab.org") == [
        "runtime.read_from: unknown protocol 'htp' of 'htp://lab.org'. Did you mean 'http'?"
    ]
    monkeypatch.setitem(sys.modules, "s3fs", None)
    [told] = refusal("s3://lab/store")
    assert told == "runtime.read_from: 's3://lab/store' cannot be opened without s3fs: pip install 'pali3kit[s3]'."


def test_a_run_writes_to_folders_of_this_machine() -> None:
    assert refusal(store="s3://lab/store") == [
        "runtime.store should be a folder on this machine, not behind a URL. Artifacts at a URL are read by"
        " runtime.read_from."
    ]
    with pytest.raises(ConfigError, match=r"runtime\.runs should be a folder on this machine, not behind a URL\.$"):
        load(EXPERIMENT, ["scale=smoke", "runtime.runs=s3://lab/runs"])
