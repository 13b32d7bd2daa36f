"""`verify`: every artifact, with a line for each that is damaged."""

from __future__ import annotations

import io
import json
import shutil

import pytest
from fakes import Loose
from rich.console import Console

from pali3kit.errors import DataError
from pali3kit.execution.store import Store
from pali3kit.execution.verify import _verify_artifact, verify_store
from pali3kit.plan.step import Step

STEPS = [Step(kind, kind, Loose({"n": kind})) for kind in ("mask_tokenizer", "vision", "tokenizer")]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    for step in STEPS:
        store.work(step).mkdir(parents=True)
        (store.work(step) / "weights").write_bytes(b"weights")
        store.publish(step, 1.0, 1)
    return store


def said(store, steps=None):
    console = Console(file=io.StringIO(), width=40)
    count = verify_store(store, steps, console)
    return count, console.file.getvalue().splitlines()


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_an_undamaged_store(store):
    (store.root / "calibration.json").touch()
    count, lines = said(store)
    assert count == 0 and len(lines) == 1
    assert lines[0].startswith(f"{store.root}: 3 artifacts, 6 files, ") and lines[0].endswith(": nothing is damaged.")


def test_every_damage_has_a_line(store):
    paths = [store.path(step) for step in STEPS]
    flip(paths[0] / "weights")
    flip(paths[1] / "manifest.json")
    (paths[2] / "config.yaml").unlink()
    count, lines = said(store)
    assert count == 3
    for path in (paths[0] / "weights", paths[1] / "manifest.json", paths[2] / "config.yaml"):
        assert any(line.startswith(str(path)) for line in lines)
    assert lines[3].endswith("3 damaged.") and lines[-1] == "Run the experiment again: damaged artifacts are made anew."


def test_a_folder_without_manifest_and_a_renamed_one(store):
    (store.path(STEPS[0]) / "manifest.json").unlink()
    renamed = store.root / f"vision-{'0' * 12}"
    store.path(STEPS[1]).rename(renamed)
    assert "No such file" in _verify_artifact(store.path(STEPS[0])).damage
    assert _verify_artifact(renamed).damage == f"{renamed} was renamed or copied: it holds {STEPS[1].name}"


def test_what_an_experiment_needs_is_all_that_is_read(store):
    flip(store.path(STEPS[0]) / "weights")
    absent = Step("language", "language", Loose({}))
    assert said(store, [STEPS[0]])[0] == 1
    count, lines = said(store, [STEPS[1], absent])
    assert count == 0 and lines[-1] == "1 more artifact of the experiment is not here: not made yet, or not needed."


def test_what_lies_elsewhere_is_read_there_and_damage_is_told_for_each_place(store, tmp_path):
    vision, masks = STEPS[1], STEPS[0]
    lab = Store(tmp_path / "lab")
    shutil.copytree(store.path(vision), lab.path(vision))
    shutil.move(store.path(masks), lab.path(masks))
    behind = Store(store.root, read_from=[str(lab.root), str(tmp_path / "gone")])
    count, lines = said(behind, STEPS)
    assert count == 0 and lines[0].startswith(f"{store.root}: 2 artifacts, ")
    assert lines[1].startswith(f"{lab.root}: 1 artifact, ")
    assert lines[2:] == [f"{tmp_path}/gone of runtime.read_from is not there."]
    flip(store.path(vision) / "weights")
    count, lines = said(behind, STEPS)
    assert count == 1 and lines[0].startswith(f"{store.path(vision) / 'weights'} has other bytes")
    assert lines[2].startswith(f"{lab.root}: 2 artifacts, ") and lines[-1].endswith(
        "unless another place has them whole."
    )


def test_artifacts_of_version_0_1_are_known_by_their_sizes(store):
    file = store.path(STEPS[0]) / "manifest.json"
    old = {key: value for key, value in json.loads(file.read_bytes()).items() if key not in ("sha256", "seal")}
    file.write_text(json.dumps(old))
    flip(store.path(STEPS[0]) / "weights")
    count, lines = said(store)
    assert count == 0 and lines[-1].startswith("1 of them are of version 0.1, which recorded no digests")
    assert store.done(STEPS[0])


def test_a_folder_that_is_not_a_store(tmp_path):
    with pytest.raises(DataError, match="is not a store: it holds no artifacts"):
        verify_store(Store(tmp_path))
