"""Sphinx extension: the pages that are made when the site is built, and links that work on GitHub and on the site.

Written below `docs/reference` and `docs/notebooks`, which are not in git: the YAML keys from the schema, components and
benchmarks from the registries, the Python interface, the gallery with its reports, the figure for dark pages, files
that pages link to, and the tutorials as notebooks.
"""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from site_pages import components, dark, gallery, interface, links, notebooks, yaml_keys

MAKERS = tuple(module.pages for module in (yaml_keys, components, interface, gallery, links, notebooks, dark))
"""Functions that give the text of files, by their path below `docs`."""


def write(docs: Path, pages: dict[str, str]) -> None:
    """Write pages; those that are as they were keep their time stamps, so that Sphinx does not read them again."""
    for name, text in pages.items():
        file = docs / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def make(app: Sphinx, _: Config) -> None:
    """Write all pages, and remove those of an earlier build that are no longer made.

    It is called before Sphinx looks whether the folder of `html_extra_path` is there.
    """
    docs = Path(app.srcdir)
    made = {name: text for maker in MAKERS for name, text in maker(docs).items()}
    write(docs, made)
    for folder in ("reference", "notebooks"):
        for file in (docs / folder).rglob("*"):
            if file.is_file() and file.relative_to(docs).as_posix() not in made:
                file.unlink()


def rewrite(app: Sphinx, docname: str, content: list[str]) -> None:
    """Let the links of a page that is in git lead to pages of the site."""
    page = Path(app.srcdir) / f"{docname}.md"
    if page.is_file() and docname.partition("/")[0] != "reference":
        content[0] = links.rewritten(content[0], page, page)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", make)
    app.connect("source-read", rewrite)
    app.connect("autodoc-process-signature", interface.named_aliases)
    return {"parallel_read_safe": True}
