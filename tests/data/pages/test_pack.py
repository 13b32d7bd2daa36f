import hashlib
import importlib.metadata
import json

from PIL import ImageFont

from pali3kit.data.pages import pack, scripts, typeface

PROVENANCE = json.loads((typeface.ASSETS / "PROVENANCE.json").read_text())


def test_packed_files_are_those_of_the_provenance():
    digests = {path: hashlib.sha256((typeface.ASSETS / path).read_bytes()).hexdigest() for path in PROVENANCE["files"]}
    assert digests == PROVENANCE["files"]
    assert typeface.fonts_digest() == PROVENANCE["digest"] == hashlib.sha256(json.dumps(digests).encode()).hexdigest()


def test_nothing_else_is_packed_and_all_is_small():
    packed = {path.name for path in typeface.ASSETS.iterdir()} - {"LICENSES", "PROVENANCE.json"}
    assert packed == set(PROVENANCE["files"])
    assert sum((typeface.ASSETS / path).stat().st_size for path in packed) < 100_000


def test_the_licence_is_there():
    assert "Bitstream" in (typeface.ASSETS / "LICENSES" / "dejavu-fonts.txt").read_text()


def test_fonts_have_their_version_and_digests():
    source = PROVENANCE["pypi"]["matplotlib"]
    assert set(source["fonts"]) == set(pack.FILES.values()) and set(pack.FILES) == set(typeface.FACES)
    if source["version"] == importlib.metadata.version("matplotlib"):
        for file, digest in source["fonts"].items():
            assert hashlib.sha256((pack._fonts() / file).read_bytes()).hexdigest() == digest


def test_faces_have_latin_and_sans_has_all_scripts():
    assert set(pack.ASCII + "€£") <= set(pack._characters("mono"))
    for script in ("greek", "cyrillic", "hebrew"):
        assert set(scripts.LETTERS[script]) <= set(pack._characters("sans"))
    assert "ﺑ" in pack._characters("sans")


def test_a_glyph_is_cropped_to_its_ink():
    font = ImageFont.truetype(str(pack._fonts() / "DejaVuSans.ttf"), typeface.EM)
    (left, top, width, height, advance), coverage = pack._glyph(font, "H")
    assert coverage.shape == (height, width) and coverage.max() == 15
    assert top + height == typeface.ASCENT  # it stands on the baseline
    assert 0 < left < width < advance / 16
    assert abs(height - typeface.CAPITALS * typeface.EM) < 1
