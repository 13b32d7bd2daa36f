"""The site: pages that are made from the code have all of it, links are rewritten, and it builds without warnings."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pali3kit import __version__
from pali3kit.catalogue import CATALOGUES
from pali3kit.config.kinds import keys
from pali3kit.config.schema import Experiment

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))
pytest.importorskip("jupytext", reason="the extra 'docs' is not installed")

from site_pages import components, dark, gallery, links, yaml_keys  # noqa: E402


def test_every_key_is_on_its_page_in_its_section() -> None:
    [page] = yaml_keys.pages(DOCS).values()
    sections = dict(re.findall(r"^#+ `?(.+?)`?\n(.*?)(?=^#+ |\Z)", page, re.DOTALL | re.MULTILINE))
    assert len(keys(Experiment)) > 100
    for key in keys(Experiment):
        section, _, name = key.rpartition(".")
        assert f"| `{name}` |" in sections[section or "An experiment"], key


def test_keys_have_types_defaults_and_what_they_are() -> None:
    [page] = yaml_keys.pages(DOCS).values()
    for row in (
        "| `batch_size` | `int` | *to be set* | examples in each optimizer step, over all devices. |",
        "| `loss` | `'sigmoid' \\| 'softmax'` | `sigmoid` | the classifier's loss, `sigmoid` or `softmax`. |",
        "| `from` | `str \\| null` | `null` | a folder of `PaLI.save_pretrained`.",
        "| `vision` | [vision](components/vision.md) | *to be set* | the image encoder. |",
        "| `labelled` | [labelled](components/labelled.md) | `world_classes` |",
    ):
        assert row in page, row
    assert [line for line in page.split("\n") if line.startswith("| `") and line.endswith("|  |")] == []


def test_every_component_is_on_the_page_of_its_kind() -> None:
    made = components.pages(DOCS)
    for kind, catalogue in CATALOGUES.items():
        page = made[f"reference/components/{kind}.md"]
        for entry in catalogue.entries():
            assert not entry.built_in or f"## `{entry.name}`\n" in page, entry
    assert "| metric | [`vqa_accuracy`](metric.md) |" in made["reference/components/benchmark.md"]
    assert "\n## ablate_classif\n" in made["reference/components/experiments.md"]


@pytest.mark.parametrize(
    ("written", "page", "text", "wanted"),
    [
        ("docs/data.md", "docs/data.md", "[a](../CONTRIBUTING.md#b)", "[a](reference/contributing.md#b)"),
        ("docs/data.md", "docs/data.md", "[a](../README.md)", "[a](index.md)"),
        ("docs/data.md", "docs/data.md", "[a](tutorials/1-x.md)", "[a](notebooks/1-x.ipynb)"),
        ("docs/data.md", "docs/data.md", "[a](../speed/vit.py)", "[a](reference/sources/speed--vit.py.md)"),
        ("docs/data.md", "docs/data.md", "[a](#b) [c](https://d.org/e)", "[a](#b) [c](https://d.org/e)"),
        ("docs/data.md", "docs/data.md", "```text\n[a](../README.md)\n```", "```text\n[a](../README.md)\n```"),
        ("docs/tutorials/1-x.md", "docs/notebooks/1-x.ipynb", "![a](../outcomes/b.svg)", "![a](../outcomes/b.svg)"),
        ("docs/tutorials/1-x.md", "docs/notebooks/1-x.ipynb", "[a](2-y.md)", "[a](2-y.ipynb)"),
        ("CHANGELOG.md", "docs/reference/changes.md", "[a](docs/data.md#b)", "[a](../data.md#b)"),
    ],
)
def test_links_lead_to_pages_of_the_site(written: str, page: str, text: str, wanted: str) -> None:
    assert links.rewritten(text, ROOT / written, ROOT / page) == wanted


def test_files_that_pages_link_to_are_pages() -> None:
    made = links.pages(DOCS)
    assert "`pali3kit_plugin/gated.py`" in made["reference/sources/tests--plugins.md"]
    assert (ROOT / "speed/vit.py").read_text() in made["reference/sources/speed--vit.py.md"]
    assert made["reference/changes.md"].startswith("# Changes")


def test_the_gallery_has_every_outcome_and_its_report() -> None:
    made = gallery.pages(DOCS)
    page = made.pop("reference/gallery.md")
    charts = [file.name for file in (DOCS / "outcomes").iterdir()]
    assert charts and all(f"../outcomes/{name}" in page for name in charts)
    assert sorted(made) == sorted(f"{gallery.EXTRA}/reports/{file.stem}.html" for file in DOCS.glob("outcomes/*.json"))
    for name, report in made.items():
        assert f'src="../{name.removeprefix(gallery.EXTRA + "/")}"' in page and "± " in report


def test_the_dark_figure_can_be_read() -> None:
    """Its texts have the contrast to the background that WCAG asks for."""
    [drawn] = dark.pages(DOCS).values()
    texts = set(re.findall(r'<text [^>]*fill="(#[0-9a-f]+)"', drawn))
    assert len(texts) == 4 and min(contrast(text, dark.COLOURS["#fff"]) for text in texts) >= 4.5
    assert drawn.count("<text") == (DOCS / dark.FIGURE).read_text(encoding="utf-8").count("<text")


def contrast(one: str, other: str) -> float:
    """The ratio of the luminances of two colours, by WCAG 2."""
    darker, brighter = sorted(map(luminance, (one, other)))
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    digits = "".join(digit * 2 for digit in colour[1:]) if len(colour) == 4 else colour[1:]
    channels = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_the_version_is_the_same_wherever_one_cites_it() -> None:
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"{{{__version__}}}" in (DOCS / "cite.md").read_text()


@pytest.mark.slow
def test_the_site_builds_without_warnings_and_asks_nobody(tmp_path: Path) -> None:
    """Its pages load scripts, styles, fonts and images from the site alone, and the search has an index beside it."""
    docs = tmp_path / "checkout" / "docs"
    shutil.copytree(ROOT, docs.parent, ignore=shutil.ignore_patterns(".*", "build", "runs", "reference", "notebooks"))
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", str(docs), str(tmp_path / "site")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stderr
    made = list((tmp_path / "site").rglob("*.html"))
    assert {"index.html", "search.html", "genindex.html"} <= {file.name for file in made}
    loaded = re.compile(r"<(?:script|img|iframe|link)\b[^>]*(?:src|href)=[\"'](?:https?:)?//[^\"']+", re.IGNORECASE)
    remote = {found for file in made for found in loaded.findall(file.read_text(encoding="utf-8"))}
    assert not remote
    styles = "".join(file.read_text(encoding="utf-8") for file in (tmp_path / "site").rglob("*.css"))
    assert not re.search(r"url\([\"']?(?:https?:)?//", styles)
    index = (tmp_path / "site" / "searchindex.js").read_text(encoding="utf-8")
    assert "classif" in json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))["terms"]
