"""The tutorials as notebooks: the page of the site, and the file to download."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat

from site_pages.links import rewritten

HEAD = """\
---
jupyter:
  kernelspec: {name: python3, display_name: Python 3, language: python}
---

"""
"""Without it, the language of most blocks would be the notebook's."""


def notebook(text: str) -> nbformat.NotebookNode:
    """The notebook of a tutorial: blocks of Python and of the shell are its cells."""
    made = jupytext.reads(HEAD + text, fmt="md")
    made.metadata.pop("jupytext")
    for number, cell in enumerate(made.cells):  # random ids would make every build another one
        cell.id = f"cell-{number}"
    return made


def executed(made: nbformat.NotebookNode, file: Path) -> bool:
    """Take the outputs over from the notebook that the tests ran, if it has the same cells; whether it has."""
    if not file.is_file():
        return False
    there = nbformat.read(file, as_version=4)
    if [cell.source for cell in there.cells] != [cell.source for cell in made.cells]:
        return False
    for cell, ran in zip(made.cells, there.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = whole_streams(ran.outputs), ran.execution_count
    return True


def whole_streams(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs of a cell with one of each stream, at the place of its first piece.

    Kernels send what is printed in pieces that may end within a line, where MyST-NB would begin a new one.
    """
    found: list[nbformat.NotebookNode] = []
    streams: dict[str, nbformat.NotebookNode] = {}
    for output in outputs:
        name = output.name if output.output_type == "stream" else ""
        if name in streams:
            streams[name].text += output.text
        else:
            found.append(output)
            streams |= {name: output} if name else {}
    return found


def pages(docs: Path) -> dict[str, str]:
    """The notebook of each tutorial, with the outputs that `nox -s tutorials` left in build/tutorials."""
    found = {}
    for file in sorted(docs.glob("tutorials/*.md")):
        made = notebook(file.read_text(encoding="utf-8"))
        executed(made, docs.parent / "build" / "tutorials" / f"{file.stem}.ipynb")
        page = docs / "notebooks" / f"{file.stem}.ipynb"
        for cell in made.cells:
            if cell.cell_type == "markdown":
                cell.source = rewritten(cell.source, file, page)
        made.cells.insert(1, _download(file.stem))
        found[f"notebooks/{page.name}"] = nbformat.writes(made) + "\n"
    return found


def _download(name: str) -> nbformat.NotebookNode:
    text = f"{{download}}`This page as a notebook <{name}.ipynb>`"
    return nbformat.v4.new_markdown_cell(text, id="cell-download")
