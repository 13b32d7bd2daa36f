"""Folders and URLs of artifacts: what is whole is found and copied, what is damaged is refused."""

from __future__ import annotations

import json
import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest
from fakes import Loose

from pali3kit.errors import StageError
from pali3kit.execution import places
from pali3kit.execution.manifest import _sealed
from pali3kit.execution.places import FolderPlace, OtherArtifactError, RemotePlace, open_place
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step

STEP = Step("vision", "vision siglip", Loose({"n": 1}), seed=3)
OTHER = Step("vision", "vision classif", Loose({"n": 2}), seed=3)


def publish(root, step=STEP, weights=b"weights" * 1000):
    store = Store(root)
    (store.work(step) / "deep").mkdir(parents=True)
    (store.work(step) / "weights.safetensors").write_bytes(weights)
    (store.work(step) / "deep" / "curve.csv").write_text("step,loss\n")
    return store.publish(step, 1.5, threads=2)


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture
def lab(tmp_path):
    publish(tmp_path / "lab")
    return tmp_path / "lab"


@pytest.fixture(params=["memory", "file", "http"])
def url(request, lab):
    """The lab's store by the URLs of several file systems."""
    if request.param == "file":
        yield f"file://{lab}"
    elif request.param == "memory":
        memory = fsspec.filesystem("memory")
        memory.put(f"{lab}/", "/lab/", recursive=True)
        yield "memory://lab/"
        memory.rm("/lab", recursive=True)
    else:
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(lab))) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_port}"
            server.shutdown()


def test_entries_are_opened_by_what_they_are(tmp_path, monkeypatch):
    assert isinstance(open_place("s3://lab/store"), RemotePlace)
    assert open_place(str(tmp_path)).root == tmp_path
    monkeypatch.setattr(places, "SHIPPED", tmp_path / "absent")
    package = open_place("package")
    assert package.root == tmp_path / "absent" and not package.has(STEP)


def test_a_folder_has_whole_artifacts_alone(lab):
    place = FolderPlace(str(lab))
    assert place.has(STEP) and not place.has(OTHER)
    (lab / STEP.name).rename(lab / OTHER.name)
    with pytest.raises(OtherArtifactError, match=f"holds the artifact {STEP.digest[:12]}, but vision classif is"):
        place.has(OTHER)
    (lab / OTHER.name).rename(lab / STEP.name)
    weights = lab / STEP.name / "weights.safetensors"
    weights.write_bytes(b"Weights" * 1000)
    assert place.has(STEP, digests=False)
    with pytest.raises(ValueError, match=f"{weights} has other bytes than were written"):
        place.has(STEP)


def test_a_url_is_copied_whole(url, lab, tmp_path):
    place, heard = pickle.loads(pickle.dumps(RemotePlace(url))), []
    assert place.has(STEP) and not place.has(OTHER)
    place.copy(STEP, tmp_path / "copy", lambda done, total: heard.append((done, total)))
    files = [path.relative_to(lab / STEP.name) for path in (lab / STEP.name).rglob("*") if path.is_file()]
    assert len(files) == 4
    for file in files:
        assert (tmp_path / "copy" / file).read_bytes() == (lab / STEP.name / file).read_bytes()
    total = sum(json.loads((lab / STEP.name / "manifest.json").read_text())["files"].values())
    assert heard[-1] == (total, total)


def test_whole_files_of_a_broken_copy_are_kept(url, lab, tmp_path, monkeypatch):
    copy, fetched = tmp_path / "copy", []
    (copy / "deep").mkdir(parents=True)
    (copy / "weights.safetensors").write_bytes(b"weights" * 1000)
    (copy / "deep" / "curve.csv").write_bytes(b"ste")
    place = RemotePlace(url)
    download = place._download
    monkeypatch.setattr(place, "_download", lambda name, *rest: fetched.append(name) or download(name, *rest))
    place.copy(STEP, copy, lambda done, total: None)
    assert fetched == [f"{STEP.name}/config.yaml", f"{STEP.name}/deep/curve.csv"]
    assert (copy / "deep" / "curve.csv").read_text() == "step,loss\n"


def test_other_bytes_than_the_manifest_says_are_damage(lab, tmp_path):
    place = RemotePlace(f"file://{lab}")
    weights = lab / STEP.name / "weights.safetensors"
    for data, told in [(b"Weights" * 1000, "has other bytes than were written"), (b"w", "has 1 bytes instead of 7000")]:
        weights.write_bytes(data)
        with pytest.raises(ValueError, match=f"{weights} {told}"):
            place.copy(STEP, tmp_path / "copy", lambda done, total: None)
    weights.unlink()
    with pytest.raises(ValueError, match=f"{weights} is missing"):
        place.copy(STEP, tmp_path / "copy", lambda done, total: None)
    assert not (tmp_path / "copy" / "manifest.json").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda found: found.update(digest=OTHER.digest), "holds the artifact"),
        (lambda found: found["files"].update({"../evil": 1}), r"lists '\.\./evil', which is outside"),
        (lambda found: found["files"].update({"/etc/evil": 1}), "lists '/etc/evil', which is outside"),
        (lambda found: found.pop("sha256"), r"has no sha256 of config\.yaml"),
    ],
)
def test_manifests_that_cannot_be_trusted(lab, change, told):
    file = lab / STEP.name / "manifest.json"
    manifest = {key: value for key, value in json.loads(file.read_text()).items() if key != "seal"}
    change(manifest)
    file.write_bytes(_sealed(manifest))
    with pytest.raises(ValueError, match=told):
        RemotePlace(f"file://{lab}").has(STEP)
    file.write_text("{")
    with pytest.raises(ValueError, match=f"{file} cannot be read"):
        RemotePlace(f"file://{lab}").has(STEP)


def test_a_url_that_cannot_be_reached_is_no_reason_to_train_for_hours():
    with pytest.raises(StageError, match=r"http://127\.0\.0\.1:9 cannot be read .*take it out of runtime\.read_from"):
        RemotePlace("http://127.0.0.1:9").has(STEP)
