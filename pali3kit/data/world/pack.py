"""Pack the embedded world's assets from published packages. For developers; not needed at run time.

    python -m pali3kit.data.world.pack --out pali3kit/data/world/assets --archives /tmp/archives

Missing archives are fetched into `--archives` with `npm pack`. scikit-learn (for the palettes and the digits) and
matplotlib (for the DejaVu font) must be installed. Writes `LICENSES/` and:

- `names.json.xz`: the emoji in order, their categories, names in 36 languages, English keywords, list patterns, quotes;
- `noto.xz`, `twemoji.xz`: two consecutive arrays, palettes [categories, 256, 4] and palette indices [sprites, 48, 48];
- `letters.png`: the capital letters in a row of cells; `digits.npz`: 8 x 8 handwritten digits;
- `PROVENANCE.json`: package, version, archive digest, and the digest of each packed file and of all together.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import json
import lzma
import re
import subprocess
import tarfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pali3kit.data.world.languages import LANGUAGES

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
ARTISTS = {"noto": "google", "twemoji": "twitter"}
SPRITE = 48  # pixels
LETTER = (40, 64)  # cell of one printed letter: width, height
TONES = ("1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF")
TONE_GROUPS = ("hand-fingers-open", "hand-fingers-partial", "hand-fingers-closed", "body-parts")
COMMA = re.compile(r"[,،、，;]")
CLDR_LOCALES = {"quz": "qu"}  # CLDR has Quechua, not Cuzco Quechua


class _Entry(TypedDict, total=False):
    """An emoji of emoji-datasource: the fields that are used. `base` is added here."""

    unified: str
    image: str
    category: str
    subcategory: str
    sort_order: int
    has_img_google: bool
    has_img_twitter: bool
    skin_variations: dict[str, _Entry]
    base: str


class _Archives:
    """npm archives in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, tarfile.TarFile] = {}

    def path(self, package: str) -> Path:
        """The package's archive, fetched if it is missing."""
        path = self.folder / f"{package}-{PACKAGES[package]}.tgz"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            subprocess.run(["npm", "pack", "--silent", f"{package}@{PACKAGES[package]}"], cwd=self.folder, check=True)
        return path

    def read(self, package: str, member: str) -> bytes:
        if package not in self._open:
            self._open[package] = tarfile.open(self.path(package))  # noqa: SIM115
        file = self._open[package].extractfile(f"package/{member}")
        assert file is not None
        return file.read()

    def json(self, package: str, member: str) -> Any:
        return json.loads(self.read(package, member))


def _text_of(code: str) -> str:
    """`"1F1EB-1F1F7"` -> the string of these code points."""
    return "".join(chr(int(point, 16)) for point in code.split("-"))


def _first_part(name: str) -> str:
    """The first of a comma-separated list of names, NFC."""
    return unicodedata.normalize("NFC", COMMA.split(name)[0]).strip()


def _annotations(archives: _Archives, locale: str) -> dict[str, dict[str, list[str]]]:
    """CLDR's names ("tts") and keywords ("default") by emoji without variation selectors."""
    file = f"{locale}/annotations.json"
    plain = archives.json("cldr-annotations-full", f"annotations/{file}")["annotations"]["annotations"]
    derived = archives.json("cldr-annotations-derived-full", f"annotationsDerived/{file}")["annotationsDerived"]
    return {**plain, **derived["annotations"]}


def _names_of(archives: _Archives, language: str, entries: list[_Entry]) -> dict[str, str]:
    """The names in a language by emoji, where there is one; a flag has the name of its territory."""
    locale = CLDR_LOCALES.get(language, language)
    annotations = _annotations(archives, locale)
    territories = archives.json("cldr-localenames-full", f"main/{locale}/territories.json")
    territories = territories["main"][locale]["localeDisplayNames"]["territories"]
    found = {}
    for entry in entries:
        emoji = _text_of(entry["unified"])
        if entry["subcategory"] == "country-flag":
            name = territories.get("".join(chr(ord(letter) - 0x1F1E6 + ord("A")) for letter in emoji), "")
        else:
            name = annotations.get(emoji.replace("\ufe0f", ""), {}).get("tts", [""])[0]
        if _first_part(name):
            found[emoji] = _first_part(name)
    return found


def _punctuation_of(archives: _Archives, language: str) -> dict[str, list[str]]:
    """List patterns (two, start, middle, end) and quotation marks (open, close)."""
    locale = CLDR_LOCALES.get(language, language)
    lists = archives.json("cldr-misc-full", f"main/{locale}/listPatterns.json")["main"][locale]["listPatterns"]
    marks = archives.json("cldr-misc-full", f"main/{locale}/delimiters.json")["main"][locale]["delimiters"]
    standard = lists["listPattern-type-standard"]
    return {
        "list": [standard["2"], standard["start"], standard["middle"], standard["end"]],
        "quotes": [marks["quotationStart"], marks["quotationEnd"]],
    }


def _choose(archives: _Archives) -> tuple[list[_Entry], dict[str, dict[str, str]]]:
    """The emoji that both artists draw and all languages name, sorted by category; and their names by language."""
    entries: list[_Entry] = archives.json("emoji-datasource-google", "emoji.json")
    drawn = [e for e in entries if e["has_img_google"] and e["has_img_twitter"] and e["category"] != "Component"]
    names = {language: _names_of(archives, language, drawn) for language in LANGUAGES}
    kept = [e for e in drawn if all(_text_of(e["unified"]) in names[language] for language in LANGUAGES)]
    return sorted(kept, key=lambda e: (e["category"], e["sort_order"])), names


def _toned(entries: list[_Entry]) -> list[_Entry]:
    """The five skin tones of hands and body parts, as further sprites without names."""
    bases = [e for e in entries if e["subcategory"] in TONE_GROUPS and "skin_variations" in e]
    return [
        {**e["skin_variations"][tone], "category": e["category"], "base": e["unified"]} for e in bases for tone in TONES
    ]


def _pack_names(
    archives: _Archives, entries: list[_Entry], tones: list[_Entry], names: Mapping[str, Mapping[str, str]]
) -> bytes:
    """`names.json.xz`."""
    emoji, annotations = [_text_of(e["unified"]) for e in entries], _annotations(archives, "en")
    table = {
        "emoji": emoji,
        "category": [e["category"] for e in entries],
        "subgroup": [e["subcategory"] for e in entries],
        "toned": [[_text_of(e["unified"]), _text_of(e["base"])] for e in tones],
        "keywords": [annotations.get(one.replace("\ufe0f", ""), {}).get("default", []) for one in emoji],
        "names": {language: [names[language][one] for one in emoji] for language in LANGUAGES},
        "punctuation": {language: _punctuation_of(archives, language) for language in LANGUAGES},
    }
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)


def _palette_of(pixels: np.ndarray) -> np.ndarray:
    """256 colours for pixels [n, 4] by k-means; the first is fully transparent."""
    from sklearn.cluster import MiniBatchKMeans

    visible = pixels[pixels[:, 3] > 8].astype(np.float32)
    sample = visible[np.random.default_rng(0).choice(len(visible), min(len(visible), 150_000), replace=False)]
    centres = MiniBatchKMeans(255, random_state=0, batch_size=8192, n_init=1).fit(sample).cluster_centers_
    palette: np.ndarray = np.concatenate([np.zeros((1, 4)), centres]).round().clip(0, 255).astype(np.uint8)
    return palette


def _nearest_colour(pixels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Index [n] of the nearest colour in the palette for pixels [n, 4]."""
    colours = palette.astype(np.float32)
    blocks = np.array_split(pixels.astype(np.float32), max(1, len(pixels) // 16384))
    return np.concatenate(
        [np.argmin((colours**2).sum(1) - 2 * block @ colours.T, axis=1).astype(np.uint8) for block in blocks]
    )


def _pack_sprites(archives: _Archives, artist: str, entries: list[_Entry]) -> bytes:
    """`<artist>.xz`: premultiplied RGBA with one palette per category."""
    vendor = ARTISTS[artist]
    sprites = np.empty((len(entries), SPRITE, SPRITE, 4), np.uint8)
    for sprite, entry in zip(sprites, entries, strict=True):
        data = archives.read(f"emoji-datasource-{vendor}", f"img/{vendor}/64/{entry['image']}")
        rgba = Image.open(io.BytesIO(data), formats=["PNG"]).convert("RGBA").convert("RGBa")
        sprite[:] = np.asarray(rgba.resize((SPRITE, SPRITE), Image.Resampling.LANCZOS))
    categories = np.array([e["category"] for e in entries])
    indices = np.empty((len(entries), SPRITE, SPRITE), np.uint8)
    palettes = []
    for category in sorted(set(categories)):
        pixels = sprites[categories == category].reshape(-1, 4)
        palettes.append(_palette_of(pixels))
        indices[categories == category] = _nearest_colour(pixels, palettes[-1]).reshape(-1, SPRITE, SPRITE)
    stream = io.BytesIO()
    np.save(stream, np.stack(palettes))
    np.save(stream, indices)
    return lzma.compress(stream.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def _fonts() -> Path:
    """Matplotlib's fonts, which contain DejaVu Sans Bold."""
    return Path(str(importlib.metadata.distribution("matplotlib").locate_file("matplotlib/mpl-data/fonts/ttf")))


def _pack_letters() -> bytes:
    """`letters.png`: the capitals A-Z, each scaled to its cell's height and centred."""
    font = ImageFont.truetype(str(_fonts() / "DejaVuSans-Bold.ttf"), 200)
    width, height = LETTER
    row = Image.new("L", (26 * width, height))
    for position in range(26):
        letter = chr(ord("A") + position)
        left, top, right, bottom = font.getbbox(letter)
        cell = Image.new("L", (int(right - left), int(bottom - top)))
        ImageDraw.Draw(cell).text((-left, -top), letter, font=font, fill=255)
        wide = min(width, round(cell.width * height / cell.height))
        row.paste(cell.resize((wide, height), Image.Resampling.LANCZOS), (position * width + (width - wide) // 2, 0))
    stream = io.BytesIO()
    row.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _pack_digits() -> bytes:
    """`digits.npz`: images uint8 [1797, 8, 8] in 0..16, labels uint8 [1797]."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    stream = io.BytesIO()
    np.savez_compressed(stream, images=digits.images.astype(np.uint8), labels=digits.target.astype(np.uint8))
    return stream.getvalue()


def _licences(archives: _Archives) -> dict[str, bytes]:
    """The licence texts by file name."""
    learn = importlib.metadata.distribution("scikit-learn")
    copying = next(path for path in learn.files or [] if path.name == "COPYING")
    return {
        "unicode-cldr.txt": archives.read("cldr-misc-full", "LICENSE"),
        "emoji-datasource-MIT.txt": archives.read("emoji-datasource-google", "LICENSE"),
        "twemoji-CC-BY-4.0.txt": archives.read("twemoji", "LICENSE-GRAPHICS"),
        "noto-emoji-Apache-2.0.txt": Path("/usr/share/common-licenses/Apache-2.0").read_bytes(),
        "dejavu-fonts.txt": (_fonts() / "LICENSE_DEJAVU").read_bytes(),
        "scikit-learn-digits-BSD.txt": Path(str(learn.locate_file(copying))).read_bytes(),
    }


def _provenance(archives: _Archives, files: dict[str, bytes]) -> dict[str, object]:
    """Sources and digests; `digest` covers all packed files."""
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in sorted(files.items())}
    packages = {
        name: {"version": version, "sha256": hashlib.sha256(archives.path(name).read_bytes()).hexdigest()}
        for name, version in PACKAGES.items()
    }
    python = {name: {"version": importlib.metadata.version(name)} for name in ("scikit-learn", "matplotlib")}
    whole = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    return {"digest": whole, "files": digests, "npm": packages, "pypi": python}


def _main() -> None:
    """Pack everything into `--out`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "assets")
    parser.add_argument("--archives", type=Path, default=Path("archives"), help="folder of the npm archives (.tgz)")
    args = parser.parse_args()
    archives = _Archives(args.archives)
    entries, names = _choose(archives)
    tones = _toned(entries)
    files = {"names.json.xz": _pack_names(archives, entries, tones, names)}
    files["letters.png"], files["digits.npz"] = _pack_letters(), _pack_digits()
    for artist in ARTISTS:
        files[f"{artist}.xz"] = _pack_sprites(archives, artist, entries + tones)
    (args.out / "LICENSES").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (args.out / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")
    for name, data in _licences(archives).items():
        (args.out / "LICENSES" / name).write_bytes(data)
    (args.out / "PROVENANCE.json").write_text(json.dumps(_provenance(archives, files), indent=1) + "\n")
    print(f"{len(entries)} named emoji, {len(tones)} with skin tones")


if __name__ == "__main__":
    _main()
