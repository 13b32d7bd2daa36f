"""Archives of npm, read where they lie."""

from __future__ import annotations

import io
import json
import tarfile

from pali3kit.data.world import names
from pali3kit.data.world.archives import PACKAGES, Archives

PROVENANCE = json.loads((names.ASSETS / "PROVENANCE.json").read_text())


def test_every_source_has_its_version_and_digest():
    assert {name: entry["version"] for name, entry in PROVENANCE["npm"].items()} == PACKAGES
    assert all(len(entry["sha256"]) == 64 for entry in PROVENANCE["npm"].values())


def test_an_archive_that_is_there_is_not_fetched(tmp_path):
    content = json.dumps({"main": {"en": [1]}}).encode()
    with tarfile.open(tmp_path / f"twemoji-{PACKAGES['twemoji']}.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("package/some/file.json")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    archives = Archives(tmp_path)
    assert archives.read("twemoji", "some/file.json") == content
    assert archives.json("twemoji", "some/file.json") == {"main": {"en": [1]}}
