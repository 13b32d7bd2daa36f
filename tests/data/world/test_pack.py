from __future__ import annotations

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest

from pali3kit.data.world import atlas, names, pack

PROVENANCE = json.loads((names.ASSETS / "PROVENANCE.json").read_text())


def test_packed_files_are_those_of_the_provenance():
    digests = {path: hashlib.sha256((names.ASSETS / path).read_bytes()).hexdigest() for path in PROVENANCE["files"]}
    assert digests == PROVENANCE["files"]
    assert atlas.assets_digest() == PROVENANCE["digest"] == hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def test_nothing_else_is_packed_and_all_is_small():
    packed = {path.name for path in names.ASSETS.iterdir()} - {"LICENSES", "PROVENANCE.json"}
    assert packed == set(PROVENANCE["files"])
    assert sum((names.ASSETS / path).stat().st_size for path in packed) < 3_500_000


@pytest.mark.parametrize(
    ("licence", "says"),
    [
        ("unicode-cldr.txt", "UNICODE LICENSE"),
        ("noto-emoji-Apache-2.0.txt", "Apache License"),
        ("twemoji-CC-BY-4.0.txt", "Attribution 4.0"),
        ("emoji-datasource-MIT.txt", "MIT License"),
        ("dejavu-fonts.txt", "Bitstream"),
        ("scikit-learn-digits-BSD.txt", "BSD 3-Clause"),
    ],
)
def test_licences_are_there(licence, says):
    assert says in (names.ASSETS / "LICENSES" / licence).read_text()


def test_first_part_of_a_comma_list():
    assert pack._first_part("чоловік, борода") == "чоловік"
    assert pack._first_part("قطة، هر") == "قطة"
    assert pack._first_part("cat") == "cat"


def test_nearest_colour_is_the_nearest():
    palette = np.array([[0, 0, 0, 0], [255, 0, 0, 255], [0, 0, 255, 255]], np.uint8)
    pixels = np.array([[250, 10, 0, 255], [0, 0, 200, 255], [1, 1, 1, 3]], np.uint8)
    assert pack._nearest_colour(pixels, palette).tolist() == [1, 2, 0]


def test_every_source_has_its_version_and_digest():
    assert {name: entry["version"] for name, entry in PROVENANCE["npm"].items()} == pack.PACKAGES
    assert all(len(entry["sha256"]) == 64 for entry in PROVENANCE["npm"].values())


def test_existing_archives_are_not_fetched(tmp_path):
    content = json.dumps({"main": {"en": [1]}}).encode()
    with tarfile.open(tmp_path / f"twemoji-{pack.PACKAGES['twemoji']}.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("package/some/file.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    archives = pack._Archives(tmp_path)
    assert archives.read("twemoji", "some/file.json") == content
    assert archives.json("twemoji", "some/file.json") == {"main": {"en": [1]}}
