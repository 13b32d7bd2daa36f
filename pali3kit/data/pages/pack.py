"""Pack the pages' fonts from matplotlib's DejaVu. For developers; not needed at run time.

    python -m pali3kit.data.pages.pack --out pali3kit/data/pages/assets

Writes `LICENSES/`, `PROVENANCE.json` and `glyphs.xz`: two consecutive arrays, a table int16 [glyphs, 7] with the
columns face, character, left, top, width, height, advance (pixels at an em of 48, the advance in sixteenths; `top`
counts from the line's top, 48 above the baseline), and the glyphs' coverage in 4 bits, two pixels a byte, by rows.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import io
import json
import lzma
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pali3kit.data.pages import scripts
from pali3kit.data.pages.typeface import ASCENT, EM, FACES, LINE

FILES = {
    "sans": "DejaVuSans.ttf", "bold": "DejaVuSans-Bold.ttf", "serif": "DejaVuSerif.ttf", "mono": "DejaVuSansMono.ttf",
}  # fmt: skip
ASCII = "".join(map(chr, range(33, 127)))
SIGNS = "€£¥–—’“”•×°✓"
PAD = EM  # room around a glyph while it is rasterised, pixels


def _characters(face: str) -> str:
    """The characters of a face: Latin and signs in each, the other scripts in "sans"."""
    if face != "sans":
        return ASCII + SIGNS
    cased = scripts.LETTERS["greek"] + scripts.LETTERS["cyrillic"]
    arabic = "".join(shape for forms in scripts.arabic_forms().values() for shape in forms.values())
    whole = ASCII + SIGNS + cased + cased.upper() + scripts.LETTERS["hebrew"] + arabic
    return "".join(dict.fromkeys(whole))


def _fonts() -> Path:
    """Matplotlib's folder of fonts."""
    return Path(str(importlib.metadata.distribution("matplotlib").locate_file("matplotlib/mpl-data/fonts/ttf")))


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[list[int], np.ndarray]:
    """Left, top, width, height and advance (sixteenths) of a glyph, and its coverage 0..15 [height, width]."""
    cell = Image.new("L", (4 * EM, LINE + 2 * PAD))
    ImageDraw.Draw(cell).text((PAD, PAD + ASCENT), character, font=font, fill=255, anchor="ls")
    left, top, right, bottom = cell.getbbox() or (PAD, PAD, PAD, PAD)
    coverage = (np.asarray(cell.crop((left, top, right, bottom))).astype(np.uint16) * 15 + 127) // 255
    place = [left - PAD, top - PAD, right - left, bottom - top, round(font.getlength(character) * 16)]
    return place, coverage.astype(np.uint8)


def _pack_glyphs() -> bytes:
    """`glyphs.xz`."""
    table, nibbles = [], []
    for number, face in enumerate(FACES):
        font = ImageFont.truetype(str(_fonts() / FILES[face]), EM, layout_engine=ImageFont.Layout.BASIC)
        for character in _characters(face):
            place, coverage = _glyph(font, character)
            table.append([number, np.array(ord(character), np.uint16).astype(np.int16), *place])
            nibbles.append(coverage.ravel())
    flat = np.concatenate(nibbles)
    flat = np.append(flat, np.zeros(len(flat) % 2, np.uint8))
    stream = io.BytesIO()
    np.save(stream, np.array(table, np.int16))
    np.save(stream, flat[::2] << 4 | flat[1::2])
    return lzma.compress(stream.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def _main() -> None:
    """Pack everything into `--out`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "assets")
    out: Path = parser.parse_args().out
    (out / "LICENSES").mkdir(parents=True, exist_ok=True)
    files = {"glyphs.xz": _pack_glyphs()}
    for name, data in files.items():
        (out / name).write_bytes(data)
        print(f"{name}: {len(data):,} bytes")
    (out / "LICENSES" / "dejavu-fonts.txt").write_bytes((_fonts() / "LICENSE_DEJAVU").read_bytes())
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    fonts = {file: hashlib.sha256((_fonts() / file).read_bytes()).hexdigest() for file in FILES.values()}
    whole = hashlib.sha256(json.dumps(digests).encode()).hexdigest()
    python = {"matplotlib": {"version": importlib.metadata.version("matplotlib"), "fonts": fonts}}
    provenance = {"digest": whole, "files": digests, "pypi": python}
    (out / "PROVENANCE.json").write_text(json.dumps(provenance, indent=1) + "\n")


if __name__ == "__main__":
    _main()
