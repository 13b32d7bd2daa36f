from __future__ import annotations

import hashlib
import json

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
    assert pack.first_part("чоловік, борода") == "чоловік"
    assert pack.first_part("قطة، هر") == "قطة"
    assert pack.first_part("cat") == "cat"


def test_nearest_colour_is_the_nearest():
    palette = np.array([[0, 0, 0, 0], [255, 0, 0, 255], [0, 0, 255, 255]], np.uint8)
    pixels = np.array([[250, 10, 0, 255], [0, 0, 200, 255], [1, 1, 1, 3]], np.uint8)
    assert pack.nearest_colour(pixels, palette).tolist() == [1, 2, 0]
