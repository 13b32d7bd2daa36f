"""Which places may be repositories of the hub, and which folder was meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.hub_id import is_hub_id, may_be_on_hub, nearest_folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder with a run and a folder of the name of an owner."""
    monkeypatch.chdir(tmp_path)
    for folder in ("runs/pali3", "me"):
        Path(folder).mkdir(parents=True)
    Path("runs/pali3/experiment.yaml").touch()


def test_names_of_repositories() -> None:
    wrong = ("pali", "a/b/c", "../pali", "/pali", "a b/c", "ä/b", "-a/b", "a/", "./a", "")
    assert is_hub_id("google/siglip-base_2.0") and not any(map(is_hub_id, wrong))


@pytest.mark.parametrize(
    ("place", "may_be"),
    [("you/pali", True), ("run/pali3", True), ("me/pali", False), ("runs/pali4", False), ("x", False)],
)
def test_a_folder_of_the_owner_means_a_folder(place: str, may_be: bool) -> None:
    assert may_be_on_hub(place) == may_be


def test_the_nearest_folder_or_run() -> None:
    hint = " Did you mean 'runs/pali3'?"
    assert [nearest_folder(place) for place in ("run/pali3", "runs/pali", "google/t5")] == [hint, hint, ""]


def test_a_run_is_never_asked_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("me")  # where there is no folder `runs`
    assert may_be_on_hub("you/pali") and not may_be_on_hub("runs/pali4")
