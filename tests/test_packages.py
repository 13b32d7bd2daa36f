"""The wheel and the sdist of this checkout: what is in them, and that the wheel runs where nothing else is."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from pali3kit import __version__

ROOT = Path(__file__).parents[1]
LARGEST = 25_000_000  # bytes of a wheel: what ships is 13 MB, the artwork most of the rest

pytestmark = pytest.mark.slow


def wheel_of(checkout: Path, folder: Path) -> Path:
    wheel = pytest.importorskip("hatchling.builders.wheel", reason="hatchling, which builds wheels, is not installed")
    [built] = wheel.WheelBuilder(str(checkout)).build(directory=str(folder), versions=["standard"])
    return Path(built)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist."""
    builder = pytest.importorskip("hatchling.builders.sdist")
    folder = tmp_path_factory.mktemp("sdist")
    [built] = builder.SdistBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(built) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"pali3kit-{__version__}"


def contents(wheel: Path) -> dict[str, str]:
    """The sha256 of every file of a wheel, but for the list of these."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/RECORD")]
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def tracked(*folders: str) -> set[str]:
    """The files of folders that git knows, or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *folders]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return {name for name in listed if name and (ROOT / name).is_file()}


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    """What ships and the experiments are in it; tests, documents, runs and caches are not."""
    names = set(contents(wheel))
    own = {name for name in names if ".dist-info/" not in name}
    assert own == tracked("pali3kit") | {f"pali3kit/{name}" for name in tracked("experiments")}
    assert {"pali3kit/py.typed", "pali3kit/experiments/scales/smoke.yaml"} <= own
    shipped = {PurePosixPath(name).parts[2] for name in own if name.startswith("pali3kit/shipped/")}
    assert len(shipped) == len(list((ROOT / "pali3kit" / "shipped").glob("*/manifest.json"))) >= 5
    assert not [name for name in own if {"tests", "runs", "outcomes", "__pycache__"} & set(PurePosixPath(name).parts)]
    assert wheel.stat().st_size < LARGEST


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folder = f"pali3kit-{__version__}.dist-info"
        said = {name: archive.read(f"{folder}/{name}").decode() for name in ("METADATA", "entry_points.txt")}
        assert f"{folder}/licenses/LICENSE" in archive.namelist()
    for line in (f"Version: {__version__}", "Requires-Python: >=3.10", "License-Expression: Apache-2.0"):
        assert f"\n{line}\n" in said["METADATA"]
    assert "pali3kit = pali3kit.run:main" in said["entry_points.txt"]


def test_the_sdist_builds_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    names = {file.relative_to(sdist).parts[0] for file in sdist.rglob("*")}
    assert {"pali3kit", "experiments", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"} <= names
    assert not names & {"tests", "runs", "build", "docs", "speed"}
    assert contents(wheel_of(sdist, tmp_path)) == contents(wheel)


def test_the_wheel_runs_in_a_bare_folder(wheel: Path, tmp_path: Path) -> None:
    """Install it into an empty folder; list, check and copy from another one."""
    site, empty = tmp_path / "site", tmp_path / "empty"
    empty.mkdir()
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", site, wheel], check=True)

    def answer(*words: str) -> str:
        command = [sys.executable, "-m", "pali3kit.run", *words]
        environment = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, check=True).stdout

    assert "public/siglip_b16 SigLIP B/16 at 224 px" in " ".join(answer("list", "experiments").split())
    assert answer("check", "ablate_classif").startswith("ablate_classif: nothing wrong. 2 cells")
    assert answer("copy", "ablate_classif").endswith("pali3kit run ablate_classif.yaml\n")
    assert {path.name for path in empty.rglob("*.yaml")} >= {"ablate_classif.yaml", "smoke.yaml"}
    assert "nothing wrong" in answer("check", "ablate_classif.yaml", "scale=smoke")
